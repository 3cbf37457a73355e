"""Choose: a request is classed by a model, its pattern is chosen by code, and policy clears the choice."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.runtime import Runtime
from langgraph.types import Command

from governance.acts import Act, Cost, Effect, Seam
from governance.choices import trials
from governance.control import control
from governance.outcome import Status
from governance.principals import Actor
from nodes.agent import work
from nodes.faults import STEP_ERRORS, fault
from nodes.selection import NOBODY, Job, Selection, select
from nodes.state import Context, Fault, RunState
from nodes.step import Node
from nodes.team import Agent
from nodes.topology import Task
from nodes.turn import Turn, turn_for

Choice = dict[str, Any]
"""A `Selection` as the journal keeps it."""

CHOSEN = "pattern_chosen"
"""What the audit log calls a choice, with the class of task and the pattern."""


def choose_node(chooser: Agent, jobs: Mapping[str, Job]) -> Node:
    """Make the node that sends a request to a pattern, or to a person where it isn't this desk's work."""

    async def choose(state: RunState, config: RunnableConfig, runtime: Runtime[Context]) -> Command[Any]:
        visited: dict[str, Any] = {"visits": {chooser.name: 1}}
        try:
            turn = await turn_for(chooser, chooser.name, state, config, runtime.context)
            told = await work(turn, state=state)
            selection = await _selection(jobs[told["job"]], told, turn)
            choice = await clear_choice(turn.actor, turn.next(), selection.to_json())
        except STEP_ERRORS as error:
            return Command(goto="deliver", update=visited | {"faults": [fault(chooser.name, error)]})
        chosen = visited | {"results": {chooser.name: choice}}
        if choice["to"] == NOBODY:
            return Command(goto="deliver", update=chosen | {"faults": [_not_ours(chooser)]})
        return Command(goto=choice["to"], update=chosen)

    return choose


async def _selection(job: Job, told: Mapping[str, Any], turn: Turn) -> Selection:
    run = turn.actor.run
    return select(
        job,
        [Task.model_validate(task) for task in told.get("plan", ())],
        reason=told["reason"],
        ruled_out=await ruled_out(turn.actor, job.ladder),
        trials=await trials(control(), run.user.tenant, job.name),
        limits=control().limits.front_door,
        seed=f"{run.id}/{turn.actor.position}",
    )


async def ruled_out(actor: Actor, patterns: Iterable[str]) -> dict[str, str]:
    """Which patterns policy forbids in this run, and why; asked before any is considered."""
    decided = {pattern: await control().assess(_act(actor, pattern, 0)) for pattern in patterns}
    return {
        pattern: decision.reason or "only with a person's approval; start it by its name"
        for pattern, decision in decided.items()
        if decision.effect is not Effect.ALLOW
    }


async def clear_choice(actor: Actor, sequence: int, choice: Choice) -> Choice:
    """Have a choice of pattern cleared and journaled with all that it rests on.

    Returns:
        The choice that stands: what was journaled, where this place of the run has chosen before.

    Raises:
        Denied: Policy has no such edge.
        BudgetExhausted: The run's hand-offs are used up.
    """
    act = _act(actor, choice["to"], sequence)
    clearance = await control().clear(act)
    if clearance.done_before:
        return dict(clearance.replay or {})
    # Whatever becomes of the run: `pattern_judged` comes only where a pattern has come to an end of its own.
    await control().note(actor.run, CHOSEN, {"job": choice["job"], "pattern": choice["to"]})
    await control().settle(clearance, choice, act.cost)
    return choice


def _act(actor: Actor, pattern: str, sequence: int) -> Act:
    return Act(
        seam=Seam.ROUTE,
        actor=actor,
        action="route",
        resource=("Agent", pattern),
        args={},
        # The question and not the answer: records may have changed when a node runs again, and then
        # the first answer stands.
        request_hash=hashlib.sha256(b"which pattern").hexdigest()[:16],
        sequence=sequence,
        cost=Cost(handoffs=1),
        facts={"from": actor.agent.kind, "to": "pattern"},
    )


def _not_ours(chooser: Agent) -> Fault:
    reason = "this is no work of ours that a pattern is for; a person has to look at it"
    return {"status": Status.ESCALATED, "step": chooser.name, "reason": reason}
