"""A step: an agent's result is valid and agrees with the records, or a person is asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableConfig
from langgraph.runtime import Runtime
from langgraph.types import Command
from pydantic import ValidationError

from governance.confidence import FACT
from governance.outcome import Status
from models.governed import ModelFailed
from nodes.agent import Check, lookup_of, work
from nodes.confidence import Evidence, look_again, rated, rule_for, sure_of
from nodes.fallback import first_valid
from nodes.faults import STEP_ERRORS, Contradiction, GaveUp, fault, misfit
from nodes.human_agent import CERTAIN, answered, question
from nodes.nested import Nested, standing
from nodes.state import Context, Fault, RunState
from nodes.team import Agent
from nodes.turn import Turn, turn_for

Node = Callable[..., Awaitable[Any]]
"""What every node of a pattern is: `async (state, config, runtime)`, or without the runtime."""

STOPPED = (Status.LIMIT_REACHED, Status.LOOP_DETECTED)
"""A person's no leaves it at these; what an agent could not do at all has failed by then."""


@dataclass(frozen=True)
class Step:
    """One agent's place in a chain.

    Attributes:
        agent: Its result stands under the agent's name in `results`. A compiled pattern may stand there.
        check: Holds the result against the records.
        repairs: How often the agent may try again after an invalid result.
        fallback: Another agent with the same schema; after it a person is asked.
        evidence: Says how much of a result is borne out; it is no surer than that.
    """

    agent: Agent
    check: Check | None = None
    repairs: int = 2
    fallback: Agent | None = None
    evidence: Evidence | None = None

    def __post_init__(self) -> None:
        """Take a pattern for an agent."""
        object.__setattr__(self, "agent", standing(self.agent))
        object.__setattr__(self, "fallback", self.fallback and standing(self.fallback))

    @property
    def name(self) -> str:
        """The step's name, in the graph and in `results`."""
        return self.agent.name


def step_node(step: Step, then: str, leads_to: Collection[str] = ()) -> Node:
    """Make the node of a step, which goes on to `then`, to `escalate` or to `deliver`.

    Args:
        leads_to: The tools that are called on its result, whose rules say how sure it must be.
    """

    async def node(state: RunState, config: RunnableConfig, runtime: Runtime[Context]) -> Command[Any]:
        visited: dict[str, Any] = {"visits": {step.name: 1}}
        refused: list[Fault] = []
        state = _told_once(state)
        try:
            if step.name in state.get("answers", {}):
                result = await _take_answer(step, state, config, runtime.context)
            else:
                result, turn = await _try_agents(step, leads_to, state, config, runtime.context)
                refused, visited["dissent"] = turn.refused, turn.dissent
        except Contradiction as error:
            asked = question(step.agent, step.name, str(error), error.result, Status.REJECTED)
            return Command(goto="escalate", update=visited | {"question": asked})
        except (GaveUp, ModelFailed) as error:
            ends = fault(step.name, error)["status"]
            stopped = Status(ends) if ends in STOPPED else Status.FAILED
            asked = question(step.agent, step.name, str(error), {}, stopped)
            return Command(goto="escalate", update=visited | {"question": asked})
        except STEP_ERRORS as error:
            return Command(goto="deliver", update=visited | {"faults": [fault(step.name, error)]})
        if refused:  # what rests on a write that was not allowed goes no further
            found = {"results": {step.name: result}} if isinstance(step.agent, Nested) else {}
            return Command(goto="deliver", update=visited | found | {"faults": refused})
        said = AIMessage(_in_words(result), name=step.name)
        return Command(goto=then, update=visited | {"results": {step.name: result}, "messages": [said]})

    return node


async def _try_agents(
    step: Step, leads_to: Collection[str], state: RunState, config: RunnableConfig, context: Context | None
) -> tuple[dict[str, Any], Turn]:
    async def begin(agent: Agent) -> Turn:
        return await turn_for(agent, step.name, state, config, context)

    async def attempt(turn: Turn) -> dict[str, Any]:
        result = await work(turn, check=step.check, state=state, repairs=step.repairs)
        return rated(result, step.evidence(result, state) if step.evidence else {})

    result, turn = await first_valid(step.agent, step.fallback, begin, attempt)
    rule = rule_for(leads_to)
    if rule and sure_of(result) is not None:
        result, turn = await look_again(result, turn, rule, step.fallback, begin, attempt)
    return result, turn


def _told_once(state: RunState) -> RunState:
    """What earlier steps found stands among the results, and not again in words."""
    found = state.get("results", {})
    return {**state, "messages": [message for message in state["messages"] if message.name not in found]}


async def _take_answer(
    step: Step, state: RunState, config: RunnableConfig, context: Context | None
) -> dict[str, Any]:
    """A person's values go through the same schema and the same check."""
    values = state["answers"][step.name]
    if step.agent.returns is None:
        return dict(values)
    try:
        result = answered(step.agent.returns, values)
    except ValidationError as error:
        raise Contradiction([misfit(error)], values) from error
    turn = await turn_for(step.agent, step.name, state, config, context)
    problems = await step.check(result, state, lookup_of(turn)) if step.check else ()
    if problems:
        raise Contradiction(problems, values)
    given = result.model_dump(mode="json")
    return given | {FACT: CERTAIN} if FACT in given else given


def _in_words(result: dict[str, Any]) -> str:
    return "\n".join(f"{name}: {value}" for name, value in result.items() if value not in (None, "", []))
