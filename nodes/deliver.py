"""Deliver: every run ends here, in one typed outcome, past the last seam."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableConfig
from langgraph.runtime import Runtime

from governance.acts import Act, Seam
from governance.control import control
from governance.errors import Cancelled, Denied
from governance.outcome import Outcome, Status, worst
from governance.principals import Actor, AgentIdentity
from nodes.place import actor_at, path_of
from nodes.state import Context, RunState
from nodes.step import Node

CLERK = AgentIdentity("delivery", "delivery", "1", "operations")
"""Not a model: the part of the control plane that hands answers out."""

SPOKESMAN = "tower"
"""The name under which an outcome is said."""

CUT_SHORT = (Status.BUDGET_EXHAUSTED, Status.LOOP_DETECTED, Status.LIMIT_REACHED)
"""A step that ended so is undone, whatever was found on the way."""

PERSONAL = re.compile(r"<[a-z]+:[0-9a-f]{12}>")

Compose = Callable[[Mapping[str, Any]], dict[str, Any]]
"""From the results to any of an outcome's `answer`, `evidence`, `result`, `status` and `reasons`."""


def last_answer(results: Mapping[str, Any]) -> dict[str, Any]:
    """The latest result, and its `answer` where it has one."""
    for result in reversed(list(results.values())):
        if isinstance(result, dict) and result.get("answer"):
            return {"answer": result["answer"], "evidence": result.get("evidence", []), "result": result}
    return {"result": dict(results)}


def deliver_node(compose: Compose = last_answer) -> Node:
    """Make the node that composes the outcome, has its delivery cleared and closes the run."""

    async def deliver(state: RunState, config: RunnableConfig, runtime: Runtime[Context]) -> dict[str, Any]:
        del runtime
        outcome = _outcome(state, compose(state.get("results", {})))
        actor = await actor_at(CLERK, "deliver", state, config)
        if path_of(config):  # a nested pattern hands its outcome to its parent, not to the world
            return {"outcome": outcome, "visits": {"deliver": 1}}
        delivery = _delivery(actor, outcome)
        try:
            concluded = await control().conclude(actor.run.id, outcome, delivery)
        except Denied as error:
            ended = Status.CANCELLED if isinstance(error, Cancelled) else Status.DENIED
            status = worst([Status(outcome["status"]), ended]).value
            outcome |= {"status": status, "answer": "", "reasons": [*outcome["reasons"], error.reason]}
            concluded = await control().conclude(actor.run.id, outcome)
        outcome["usage"] = concluded["usage"]
        said = AIMessage(
            outcome["answer"] or "; ".join(outcome["reasons"]) or outcome["status"], name=SPOKESMAN
        )
        return {"outcome": outcome, "messages": [said], "visits": {"deliver": 1}}

    return deliver


def _outcome(state: RunState, composed: dict[str, Any]) -> Outcome:
    faults = state.get("faults", [])
    short = [f["step"] for f in faults if f["status"] in CUT_SHORT]
    left = [f"{f['step']}: {item}" for f in faults for item in f.get("undone", [])]
    statuses = [Status(f["status"]) for f in faults] + [Status(composed.get("status", Status.COMPLETED))]
    return {
        "status": worst(statuses).value,
        "answer": composed.get("answer", ""),
        "reasons": [*composed.get("reasons", []), *(f"{f['step']}: {f['reason']}" for f in faults)],
        "evidence": composed.get("evidence", []),
        "dissent": _each_once([*composed.get("dissent", []), *state.get("dissent", [])]),
        "undone": [*(composed.get("undone") or short), *left],
        "result": composed.get("result", {}),
        "usage": {},
    }


def _each_once(dissent: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each for at, each in enumerate(dissent) if each not in dissent[:at]]


def _delivery(actor: Actor, outcome: Outcome) -> Act:
    text = json.dumps(outcome, sort_keys=True, default=str)
    return Act(
        seam=Seam.DELIVERY,
        actor=actor,
        action="deliver",
        resource=("Channel", "requester"),
        args={},
        request_hash=hashlib.sha256(text.encode()).hexdigest()[:16],
        sequence=1,
        facts={"channel": "requester", "personal": bool(PERSONAL.search(text))},
    )
