"""An action: what the agents proposed is carried out, after a person has looked where policy says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.runtime import Runtime
from langgraph.types import Command

from governance.acts import Effect
from governance.control import control
from governance.principals import Run
from nodes.confidence import least_sure
from nodes.faults import STEP_ERRORS, fault
from nodes.place import actor_at, current_run
from nodes.review import carry_out, decided
from nodes.state import Context, RunState
from nodes.step import Node
from nodes.team import Agent
from tools.gateway import act_for
from tools.spec import Tool

Arguments = Callable[[Mapping[str, Any], Run], dict[str, Any] | None]
"""The tool's arguments from the results so far and the run; None where there is nothing to do."""


@dataclass(frozen=True)
class Action:
    """A tool call that a chain carries out for an agent.

    Attributes:
        agent: In whose name; its kind is what policy judges.
        review: A node before it shows the act to a person, if policy wants one.
        rests_on: The steps whose confidence policy holds the act to; the least of them counts.
    """

    agent: Agent
    tool: Tool
    args: Arguments
    review: bool = False
    rests_on: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The node's name, under which its result stands."""
        return self.tool.name

    def arguments(self, state: RunState, run: Run) -> dict[str, Any] | None:
        """What to call the tool with: what a reviewer approved, or what the agents proposed."""
        results = state.get("results", {})
        approved: dict[str, Any] | None = results.get(f"approved_{self.name}")
        return approved or self.args(results, run)

    def sure(self, state: RunState) -> int | None:
        """How sure the results are that it rests on, in percent; None where one of them doesn't say."""
        results = state.get("results", {})
        return least_sure(results.get(step, {}) for step in self.rests_on)


def action_node(action: Action, then: str) -> Node:
    """Make the node that carries the action out and goes on to `then`, or to `deliver` with a fault."""

    async def node(state: RunState, config: RunnableConfig, runtime: Runtime[Context]) -> Command[Any]:
        del runtime
        args = action.arguments(state, await current_run(config))
        visited = {"visits": {action.name: 1}}
        if args is None:
            return Command(goto=then, update=visited)
        actor = await actor_at(action.agent.identity, action.name, state, config)
        try:
            result = await carry_out(action.tool, args, actor=actor, sequence=1, sure=action.sure(state))
        except STEP_ERRORS as error:
            return Command(goto="deliver", update=visited | {"faults": [fault(action.name, error)]})
        return Command(goto=then, update=visited | {"results": {action.name: result}})

    return node


def review_node(action: Action) -> Node:
    """Make the node in which a person decides on the action before it is carried out."""
    place = f"review_{action.name}"

    async def node(state: RunState, config: RunnableConfig, runtime: Runtime[Context]) -> Command[Any]:
        del runtime
        args = action.arguments(state, await current_run(config))
        visited = {"visits": {place: 1}}
        if args is None:
            return Command(goto=action.name, update=visited)
        try:
            actor = await actor_at(action.agent.identity, place, state, config)
            act = await act_for(action.tool, args, actor, 1, action.sure(state))
            # A "no" from policy is met at the action itself, where it is cleared and logged.
            decision = await control().assess(act)
            if decision.effect is not Effect.APPROVE:
                return Command(goto=action.name, update=visited)
            asked = await control().request_approval(act, f"{action.tool.description} {decision.reason}")
            approval = await decided(asked.id)
        except STEP_ERRORS as error:
            return Command(goto="deliver", update=visited | {"faults": [fault(place, error)]})
        approved = {f"approved_{action.name}": dict(approval.args)}
        return Command(goto=action.name, update=visited | {"results": approved})

    return node
