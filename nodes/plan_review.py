"""Plan review: a person looks at a plan before anything of it runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.runtime import Runtime
from langgraph.types import Command
from pydantic import ValidationError

from governance.acts import Act, Seam
from governance.approvals import EXPIRED, Approval
from governance.control import control
from governance.errors import ApprovalRejected
from governance.outcome import Status
from governance.principals import Actor
from nodes.escalate import DESK
from nodes.ledger import Found, Investigation, Plan, TaskLedger, in_lines, not_tried, objections
from nodes.place import actor_at
from nodes.review import decided
from nodes.state import Context, Fault
from nodes.step import Node

EDITS = 3
"""How often an edit that can't be run is asked again."""


@dataclass(frozen=True)
class PlanReview:
    """Who reviews plans, and when.

    Attributes:
        chain: Actions asked for one after another while nobody answers in time; `limits.toml` says
            which roles answer each, and how long they have.
        again: A plan that was changed after it was approved is shown again.
    """

    chain: tuple[str, ...] = ("ask_human",)
    again: bool = True


class Unusable(Exception):
    """What the person made of the plan can't be run."""


def review_node(review: PlanReview, schema: type[TaskLedger]) -> Node:
    """Make the node that waits for a person.

    Approve runs the plan. Edit runs the plan as edited; a constraint alone has the manager plan
    again under it. Reject ends the run as `rejected`. Where nobody along the chain answers in
    time, nothing is run either, and the run ends as `escalated`.

    Args:
        schema: What an edited plan must fit.
    """

    async def review_plan(
        state: Investigation, config: RunnableConfig, runtime: Runtime[Context]
    ) -> Command[Any]:
        del runtime
        update: dict[str, Any] = {"visits": {"review_plan": 1}}
        if state.get("visits", {}).get("review_plan") and not review.again:
            return Command(goto="assign", update=update)
        actor = await actor_at(DESK, "review_plan", state, config)
        try:
            approval, plan = await _reviewed(review, schema, state, actor)
        except ApprovalRejected as error:
            return Command(goto="conclude", update=update | {"faults": [_no(Status.REJECTED, error.reason)]})
        except Unanswered as error:
            return Command(goto="conclude", update=update | {"faults": [_no(Status.ESCALATED, str(error))]})
        demanded = str(approval.args.get("constraint", "")).strip()
        if demanded:
            update["constraints"] = [demanded]
        if plan is not None:
            return Command(
                goto="assign", update=update | {"ledger": {**state["ledger"], "plan": plan, "read": False}}
            )
        return Command(goto="plan" if demanded else "assign", update=update)

    return review_plan


class Unanswered(Exception):
    """Nobody answered, or nobody gave a plan that can be run."""


async def _reviewed(
    review: PlanReview, schema: type[TaskLedger], state: Investigation, actor: Actor
) -> tuple[Approval, list[Mapping[str, Any]] | None]:
    """The person's answer, and the plan as they edited it; None where they left it.

    Raises:
        ApprovalRejected: A person said no.
        Unanswered: Nobody said anything, or `EDITS` edits couldn't be run.
    """
    found, whole, problem = state.get("found", {}), state["ledger"]["plan"], ""
    plan = not_tried(whole, found)
    for attempt in range(1, EDITS + 1):
        approval = await _answered(review, plan, actor, attempt, problem)
        try:
            edited = _plan_of(approval.args, schema, found)
            if edited == plan:
                return approval, None
            return approval, _with_required([step for step in whole if step["id"] in found] + edited)
        except Unusable as error:
            problem = f"The edited plan can't be run: {error}. "
    msg = f"{EDITS} edits of the plan couldn't be run; start again with a narrower request. {problem}"
    raise Unanswered(msg)


async def _answered(review: PlanReview, plan: Plan, actor: Actor, attempt: int, problem: str) -> Approval:
    """Ask along the chain until somebody answers."""
    values = json.dumps([_short(step) for step in plan], ensure_ascii=False)
    for action in review.chain:
        # The position makes each plan a question of its own, though it should be the same plan again.
        args = {"step": f"{actor.position}, {attempt}", "values": values, "constraint": ""}
        digest = hashlib.sha256(json.dumps(args).encode()).hexdigest()[:16]
        act = Act(Seam.ROUTE, actor, action, ("Agent", "human"), args, digest, attempt)
        asked = await control().request_approval(
            act, f"{problem}Run this plan?\n{in_lines(plan)}", allowed=("approve", "edit", "reject")
        )
        try:
            return await decided(asked.id)
        except ApprovalRejected as error:
            if (await control().approval(asked.id)).state != EXPIRED:
                raise
            unanswered = error.reason
    msg = f"{unanswered}; nobody along {' → '.join(review.chain)} looked at the plan, so nothing was run"
    raise Unanswered(msg)


def _short(step: Mapping[str, Any]) -> dict[str, Any]:
    """A step without the arguments that it leaves open."""
    given = {name: value for name, value in step.get("args", {}).items() if value is not None}
    return {**step, **({"args": given} if given else {})}


def _plan_of(
    args: Mapping[str, Any], schema: type[TaskLedger], found: Mapping[str, Found]
) -> list[Mapping[str, Any]]:
    try:
        ledger = schema.model_validate({"plan": json.loads(str(args["values"]))})
    except (KeyError, ValueError, ValidationError) as error:
        raise Unusable(str(error)) from error
    plan: list[Mapping[str, Any]] = ledger.model_dump(mode="json")["plan"]
    problems = objections(plan, found)
    if problems:
        raise Unusable("; ".join(problems))
    return plan


def _with_required(plan: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    if any(step["required"] for step in plan):
        return plan
    msg = "no step is required, so nothing would be the answer"
    raise Unusable(msg)


def _no(status: Status, reason: str) -> Fault:
    return {"status": status, "step": "review_plan", "reason": reason}
