"""Arbitrate: an agent, or a person, decides between positions, with the evidence of each before them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.runtime import Runtime
from langgraph.types import Command

from governance.acts import Act
from governance.control import control
from governance.errors import ApprovalRejected, BudgetExhausted
from governance.outcome import Status
from governance.principals import AgentIdentity
from nodes.agent import work
from nodes.escalate import DESK
from nodes.faults import STEP_ERRORS
from nodes.place import actor_at
from nodes.reconcile import Next, Panel
from nodes.resolve import Arbiter, AskHuman
from nodes.review import decided, question_act
from nodes.route import clear_route
from nodes.state import Context
from nodes.step import Node
from nodes.turn import turn_for
from nodes.verdict import Given, TeamState, confidence, distinct, supporters

CHAIR = AgentIdentity("reconcile", "reconciliation", "1", "operations")
"""Not a model: the part of the pattern that counts verdicts and calls the arbiter."""


def positions(verdicts: Given) -> list[dict[str, Any]]:
    """Each choice that was made, with who made it, why, and on what evidence."""
    return [
        {"position": choice, "held_by": [{"branch": n, **verdicts[n]} for n in supporters(verdicts, choice)]}
        for choice in distinct(verdicts)
    ]


def arbiter_node(panel: Panel, arbiter: Arbiter) -> Node:
    """Make the node in which the arbiter is asked once; if that settles nothing, the next resolution does."""

    async def arbitrate(state: TeamState, config: RunnableConfig, runtime: Runtime[Context]) -> Command[Any]:
        goto, update = await _arbitrated(panel, arbiter, state, config, runtime.context)
        return Command(goto=goto, update={**update, "visits": {arbiter.name: 1}})

    return arbitrate


async def _arbitrated(
    panel: Panel, arbiter: Arbiter, state: TeamState, config: RunnableConfig, context: Context | None
) -> Next:
    verdicts, agent = panel.verdicts(state), arbiter.agent
    later = panel.resolve.index(arbiter) + 1
    shown: Any = {**state, "results": {"positions": positions(verdicts)}}
    chair = await actor_at(CHAIR, agent.name, state, config)
    try:
        await clear_route(chair, agent.identity, 1, f"no agreement: {', '.join(distinct(verdicts))}")
        said = await work(await turn_for(agent, agent.name, shown, config, context), state=state)
    except BudgetExhausted as error:
        return await panel.unsettled(state, config, str(error), Status.BUDGET_EXHAUSTED)
    except STEP_ERRORS as error:
        await control().note(chair.run, "arbiter_absent", {"agent": agent.name, "reason": str(error)})
        goto, update = await panel.go_on(state, config, later)
        said = {"reason": str(error)}
    else:
        if said["choice"] in distinct(verdicts):
            return await panel.settled(state, config, said["choice"], by=agent.name, said=said)
        goto, update = await panel.go_on(state, config, later)
    return goto, {**update, "results": {agent.name: said, **update.get("results", {})}}


def ask_human_node(panel: Panel, asking: AskHuman) -> Node:
    """Make the node in which a person decides: a yes takes the leading position, an edit another choice."""

    async def ask_human(state: TeamState, config: RunnableConfig) -> Command[Any]:
        goto, update = await _asked(panel, asking, state, config)
        return Command(goto=goto, update={**update, "visits": {asking.name: 1}})

    return ask_human


async def _asked(panel: Panel, asking: AskHuman, state: TeamState, config: RunnableConfig) -> Next:
    rules = control().limits.approvals
    roles = rules.roles_for("ask_human")
    if asking.role not in roles:
        reason = f"it asks a {asking.role}, but limits.toml lets only {', '.join(roles)} answer ask_human"
        return await panel.unsettled(state, config, reason)
    act = await _question(panel, asking, state, config)
    about, only = _in_words(panel, state), replace(rules, roles=(asking.role,), actions={})
    try:
        asked = await control().request_approval(act, about, ("approve", "edit", "reject"), only)
        approval = await decided(asked.id)
    except ApprovalRejected as error:
        return await panel.unsettled(state, config, f"no position was taken: {error.reason}", Status.REJECTED)
    choice = _choice(str(approval.args["values"]))
    if choice not in panel.choices:
        return asking.name, {}
    said = {"reason": approval.message} if approval.message else {}
    by = f"{asking.role} {approval.decided_by}"
    return await panel.settled(state, config, choice, by=by, said=said)


async def _question(panel: Panel, asking: AskHuman, state: TeamState, config: RunnableConfig) -> Act:
    # Counted, since the answer to a question is found again by what was asked and what was answered.
    asked_before = state.get("visits", {}).get(asking.name, 0)
    values = {
        "choice": _leading(panel.verdicts(state)),
        "choices": panel.choices,
        "asked_before": asked_before,
    }
    return question_act(await actor_at(DESK, asking.name, state, config), asking.name, json.dumps(values))


def _leading(verdicts: Given) -> str:
    """The position with most votes, then most confidence; the team's order decides at a tie."""

    def strength(choice: str) -> tuple[int, int]:
        behind = supporters(verdicts, choice)
        return len(behind), confidence(verdicts[name] for name in behind)

    return max(distinct(verdicts), key=strength)


def _choice(answer: str) -> str:
    """The choice in a person's answer: `{"choice": "…"}`, or the bare word."""
    try:
        value = json.loads(answer)
    except ValueError:
        return answer.strip()
    return str(value.get("choice", "")) if isinstance(value, dict) else str(value)


def _in_words(panel: Panel, state: TeamState) -> str:
    """All positions with their evidence, for a person to read."""
    verdicts, results = panel.verdicts(state), state.get("results", {})
    lines = [f"no agreement; a yes takes {_leading(verdicts)}, an edit of `values` another choice"]
    for position in positions(verdicts):
        lines.append(f"{position['position']}:")
        for held in position["held_by"]:
            lines.append(f"  {held['branch']} ({held['confidence']} of 100): {held['reason']}")
            lines += [f"    {found['source']}: {found['quote']}" for found in held["evidence"]]
    arbiters = [each.name for each in panel.resolve if isinstance(each, Arbiter)]
    lines += [f"{name} did not settle it: {results[name]['reason']}" for name in arbiters if name in results]
    lines += [f"no verdict of {each['branch']}: {each['reason']}" for each in panel.absences(state)]
    return "\n".join(lines)
