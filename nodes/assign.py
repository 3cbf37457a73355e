"""Assignment: who does what next, known by its fingerprint, cleared against the run's objective."""

from __future__ import annotations

import hashlib
import json
import operator
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from langchain_core.messages import AnyMessage
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from governance.errors import ApprovalRequired, Denied
from governance.principals import AgentIdentity
from nodes.objective import measure, records_in
from nodes.review import decided
from nodes.route import clear_route
from nodes.state import RunState
from nodes.turn import Turn

FINISH = "finish"
"""Instead of a worker: the request is dealt with."""


class Assignment(BaseModel):
    """Who does what next, or the answer."""

    worker: str
    task: Annotated[str, Field(description="What the worker is to do; left out, its whole job")] = ""
    reason: Annotated[str, Field(max_length=800, description="Why, in one sentence")]
    answer: Annotated[str, Field(description="With finish: the answer to the request")] = ""


class Report(TypedDict):
    """What became of an assignment.

    Attributes:
        fingerprint: Of worker and task; the same again is refused.
        trace: Of worker, the records that the task names and what came of it; the same again is a loop.
    """

    worker: str
    task: str
    fingerprint: str
    status: str
    found: Any
    trace: str


class TeamState(RunState):
    """What a manager keeps track of."""

    objective: str
    task: str
    reports: Annotated[list[Report], operator.add]


def fingerprint(*parts: Any) -> str:
    """Equal for equal parts, whatever the case and spacing of their words."""
    text = json.dumps(parts, sort_keys=True, default=str, ensure_ascii=False)
    return hashlib.sha256(" ".join(text.lower().split()).encode()).hexdigest()[:12]


def report(worker: str, task: str, status: str, found: Any) -> Report:
    """Write down what became of an assignment."""
    trace = fingerprint(worker, sorted(records_in(task)), status, found)
    return {
        "worker": worker, "task": task, "fingerprint": fingerprint(worker, task), "status": status,
        "found": found, "trace": trace,
    }  # fmt: skip


async def clear_assignment(
    chosen: Assignment,
    workers: Mapping[str, AgentIdentity],
    turn: Turn,
    *,
    objective: str,
    messages: Sequence[AnyMessage],
) -> Assignment:
    """Have an assignment cleared; where its likeness to the objective is in doubt, a person decides.

    Returns:
        The assignment, as the person changed it where one did.

    Raises:
        Denied: Policy has no such edge, or the task drifts from the objective.
        ApprovalRejected: A person found that it doesn't serve the objective.
    """
    if chosen.worker == FINISH:
        return chosen
    sequence = turn.next()
    while True:
        facts = {}
        if chosen.task:  # without one it is the worker's declared job, which nobody can bend
            facts = await measure(chosen.task, objective, messages, turn.actor.run)
        target, args = workers[chosen.worker], {"worker": chosen.worker, "task": chosen.task}
        try:
            await clear_route(turn.actor, target, sequence, chosen.reason, handoffs=0, facts=facts, args=args)
        except ApprovalRequired as needed:
            said = (await decided(needed.approval_id)).args
            if said["worker"] != chosen.worker:
                msg = f"{said['worker']!r} wasn't asked about; an edit changes the task, not the worker"
                raise Denied(msg) from needed
            chosen = chosen.model_copy(update={"task": said["task"]})
        else:
            return chosen
