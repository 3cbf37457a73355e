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

from governance.choices import traces
from governance.control import control
from governance.outcome import Outcome, Status
from nodes.climb import ABOVE_KEY, gave_up
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

    Where it ended `partial`, so will the run. With somebody behind it, it gives up instead of asking a
    person, as an agent would.

    Raises:
        GaveUp: It failed or was stopped, and no person was asked; or its result doesn't fit.
        Unfinished: It ended otherwise, such as denied; nobody in its place goes round that.
    """
    told = turn.prompt[1:]  # its agents have instructions of their own
    name, place = turn.agent.name, turn.place or turn.actor.position
    config = configured(turn.config, **{ABOVE_KEY: place}) if turn.behind else turn.config
    turn.wrote = True  # for all that is known where it doesn't come to an end, such as in an outage
    ended = await run_nested(place, graph, told, config, turn.context)
    turn.new += ended["messages"][len(told) :]
    outcome, left = ended["outcome"], await traces(control(), turn.actor.run, place)
    turn.wrote = bool(left.effects)
    turn.dissent += outcome["dissent"]
    if outcome["status"] != Status.COMPLETED:
        ends = GaveUp if gave_up(outcome) and not left.asked else Unfinished
        short = ended_short(outcome, ends)
        if short.status is not Status.PARTIAL:
            raise short
        turn.refused.append(fault(name, short))
    if turn.agent.returns is None:
        return {"answer": outcome["answer"], "evidence": outcome["evidence"], **outcome["result"]}
    try:
        return turn.agent.returns.model_validate(outcome["result"])
    except ValidationError as error:
        msg = f"{name}'s outcome has no result that fits {turn.agent.returns.__name__}: {misfit(error)}"
        raise GaveUp(Status.FAILED, msg) from error


def ended_short(outcome: Outcome, ends: type[Unfinished] = Unfinished) -> Unfinished:
    """Say of an outcome that isn't completed why, and what was left undone."""
    reason = "; ".join(outcome["reasons"]) or outcome["status"]
    return ends(Status(outcome["status"]), reason, outcome["undone"])


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
    inner = configured(config, **{PATH_KEY: position})
    ended: Any = await graph.ainvoke({"messages": list(messages)}, inner, context=context)
    return cast("RunOutput", ended)


def configured(config: RunnableConfig, **more: Any) -> RunnableConfig:
    """The same configuration, and more for what runs inside."""
    return {**config, "configurable": {**config.get("configurable", {}), **more}}
