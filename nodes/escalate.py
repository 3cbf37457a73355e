"""Escalate: a person settles what no agent could, or ends the run."""

from __future__ import annotations

import json
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.types import Command

from governance.control import control
from governance.errors import ApprovalRejected
from governance.outcome import Status
from governance.principals import AgentIdentity
from nodes.climb import may_climb
from nodes.events import arrived
from nodes.place import actor_at, path_of
from nodes.review import decided, question_act
from nodes.state import Fault, RunState

DESK = AgentIdentity("escalation", "escalation", "1", "operations")
"""Not a model: the part of the control plane that asks people."""


async def escalate(state: RunState, config: RunnableConfig) -> Command[Any]:
    """Put the open question to a person; an edit answers it, a "no" ends the run.

    Where a higher rung of a ladder, or a fallback, may still do it, nobody is asked yet: the pattern fails.
    A document that arrives meanwhile withdraws the question: the step's agents look again.
    An edit goes back to the step, which holds it against schema and records like any result.
    """
    question = state["question"]
    if question is None:
        msg = "escalate was reached without a question"
        raise AssertionError(msg)
    actor = await actor_at(DESK, "escalate", state, config)
    ends = question["on_reject"]
    if ends != Status.REJECTED and await may_climb(actor.run, config):
        given_up: Fault = {"status": ends, "step": question["step"], "reason": question["reason"]}
        return Command(goto="deliver", update={"visits": {"escalate": 1}, "faults": [given_up]})
    values = json.dumps(question["values"], sort_keys=True, default=str)
    act = question_act(actor, _named(question["step"], state, config), values)
    if document := await arrived(act):
        again = {"visits": {"escalate": 1}, "question": None, "messages": [document]}
        return Command(goto=question["step"], update=again)
    description = f"{question['step']}: {question['reason']}"
    visited = {"visits": {"escalate": 1}, "question": None}
    try:
        wants = f"\n\n{question['wants']}" if "wants" in question else ""
        asked = await control().request_approval(act, description + wants, allowed=("edit", "reject"))
        approval = await decided(asked.id)
    except ApprovalRejected as error:
        reason = f"{description} — {error.reason}"
        no: Fault = {"status": Status(ends).value, "step": question["step"], "reason": reason}
        return Command(goto="deliver", update=visited | {"faults": [no]})
    answer = json.loads(str(approval.args["values"]))
    return Command(goto=question["step"], update=visited | {"answers": {question["step"]: answer}})


def _named(step: str, state: RunState, config: RunnableConfig) -> str:
    """The step with its path, told apart from an earlier question: an answer must not answer again."""
    asked = state.get("visits", {}).get("escalate", 0)
    named = "/".join(filter(None, [path_of(config), step]))
    return f"{named} (asked again, {asked + 1})" if asked else named
