"""By hand: a tool that a person calls, past the same seams as an agent's call."""

from __future__ import annotations

import json
from typing import Any

from governance.acts import Json
from governance.control import control
from governance.errors import ApprovalRequired
from governance.outcome import Status
from governance.principals import Actor, AgentIdentity, Run
from nodes.faults import STEP_ERRORS, fault
from tools.gateway import call
from tools.registry import Toolbox

BY_HAND = AgentIdentity("by_hand", "by_hand", "1", "operations")
"""Not a model: whoever started the run, at the tool seam."""


async def make_call(tools: Toolbox, run: Run, asked: Json) -> None:
    """Call the tool of an admitted run and close the run; it stays open where a person must say yes.

    Args:
        asked: What `Admission.admit_call` kept: the tool's name under `call`, and its `args`.
    """
    plane = control()
    await plane.register_agent(BY_HAND)
    outcome: dict[str, Any] = {"status": Status.COMPLETED.value, "answer": "", "reasons": []}
    try:
        actor = Actor(BY_HAND, run, "by_hand")
        result = await call(tools[asked["call"]], asked["args"], actor=actor, sequence=1)
        outcome |= {"answer": json.dumps(result, ensure_ascii=False), "result": {"returned": result}}
    except ApprovalRequired:
        return
    except STEP_ERRORS as error:
        found = fault(asked["call"], error)
        outcome |= {"status": found["status"], "reasons": [found["reason"]]}
    await plane.conclude(run.id, outcome)
