"""Nested: a compiled pattern in an agent's place, at its position, in the same run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from langchain_core.messages import AnyMessage
from langchain_core.runnables import RunnableConfig
from langgraph.graph.state import CompiledStateGraph
from pydantic import BaseModel, ValidationError

from governance.outcome import Status
from nodes.faults import GaveUp, Unfinished, fault, misfit
from nodes.place import PATH_KEY
from nodes.state import Context, RunOutput
from nodes.team import Agent
from nodes.turn import Turn

Compiled = CompiledStateGraph[Any, Any, Any, Any]


@dataclass(frozen=True, kw_only=True)
class Nested(Agent):
    """A compiled pattern that stands where an agent stands.

    Attributes:
        graph: Its name is the agent's name.
        returns: What its outcome's `result` must fit; without it the result is whatever it found.
    """

    graph: Compiled
    name: str = field(init=False, default="")
    kind: str = "pattern"
    job: str = ""
    prompt: Path = field(init=False, default=Path())
    owner: str = "operations"

    def __post_init__(self) -> None:
        """Take the graph's name."""
        object.__setattr__(self, "name", self.graph.get_name())
        super().__post_init__()


def standing(member: Agent | Compiled) -> Agent:
    """Whoever stands in an agent's place: an agent, or a pattern that is taken for one."""
    return member if isinstance(member, Agent) else Nested(graph=member)


async def work_nested(turn: Turn, graph: Compiled) -> dict[str, Any] | BaseModel:
    """Let a pattern work on what an agent in its place would be told.

    Where it ended `partial`, so will the run.

    Raises:
        Unfinished: It ended otherwise, such as denied or failed; nobody in its place goes round that.
        GaveUp: It ended well, and its result doesn't fit.
    """
    told = turn.prompt[1:]  # its agents have instructions of their own
    turn.wrote = True  # for all that is known here, so that nobody begins this visit anew
    ended = await run_nested(turn.actor.position, graph, told, turn.config, turn.context)
    turn.new += ended["messages"][len(told) :]
    name, outcome = turn.agent.name, ended["outcome"]
    if outcome["status"] != Status.COMPLETED:
        short = Unfinished(Status(outcome["status"]), "; ".join(outcome["reasons"]) or outcome["status"])
        if short.status is not Status.PARTIAL:
            raise short
        turn.refused.append(fault(name, short))
    if turn.agent.returns is None:
        differ = {"dissent": outcome["dissent"]} if outcome["dissent"] else {}
        return {"answer": outcome["answer"], "evidence": outcome["evidence"], **differ, **outcome["result"]}
    try:
        return turn.agent.returns.model_validate(outcome["result"])
    except ValidationError as error:
        msg = f"{name}'s outcome has no result that fits {turn.agent.returns.__name__}: {misfit(error)}"
        raise GaveUp(Status.FAILED, msg) from error


async def run_nested(
    position: str,
    graph: Compiled,
    messages: Sequence[AnyMessage],
    config: RunnableConfig,
    context: Context | None,
) -> RunOutput:
    """Run a graph at a position, on these messages; when resumed it goes on where it was.

    Its interrupts surface at the root, and its acts are budgeted and logged in the same run.
    """
    inner: RunnableConfig = {**config, "configurable": {**config.get("configurable", {}), PATH_KEY: position}}
    ended: Any = await graph.ainvoke({"messages": list(messages)}, inner, context=context)
    return cast("RunOutput", ended)
