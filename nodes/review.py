"""Review: a person decides before an act is carried out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from langgraph.types import interrupt

from governance.acts import Act, Seam
from governance.answers import doubt_request, hitl_request
from governance.control import control
from governance.errors import ApprovalRejected, ApprovalRequired, EffectUnknown
from governance.journal import State
from tools.gateway import call

if TYPE_CHECKING:
    from governance.acts import Json
    from governance.approvals import Approval
    from governance.principals import Actor
    from tools.spec import Tool


def question_act(actor: Actor, step: str, values: str, *, sequence: int = 1, told_by: str = "") -> Act:
    """The act by which a run puts a question of its own to a person.

    Args:
        step: Who asks, told apart from whatever asked before: an answer must not answer again.
        told_by: What tells the question from others; its values unless given.
    """
    return Act(
        seam=Seam.ROUTE,
        actor=actor,
        action="ask_human",
        resource=("Agent", "human"),
        args={"step": step, "values": values},
        request_hash=hashlib.sha256((told_by or values).encode()).hexdigest()[:16],
        sequence=sequence,
    )


async def decided(approval_id: str) -> Approval:
    """Wait until a person has decided, and return what the control plane recorded.

    What a resume brings is only a wake-up: the record in the control database decides. So a
    bare, wrong or repeated answer that gets this far finds the approval pending and waits on.

    Raises:
        ApprovalRejected: The person said no, or nobody answered in time.
    """
    while (approval := await control().approval(approval_id)).state == "pending":
        interrupt(hitl_request(approval, await control().grounds(approval)))
    if approval.state not in ("approved", "consumed"):
        raise ApprovalRejected(approval.id, approval.reason)
    return approval


async def settled(key: str) -> None:
    """Wait until a person has said what became of an effect, with `tower effects settle`."""
    while (effect := await control().effect(key)).state == State.UNKNOWN:
        interrupt(doubt_request(effect))


async def carry_out(
    tool: Tool, args: Mapping[str, Json], *, actor: Actor, sequence: int, sure: int | None = None
) -> Json:
    """Call a tool; where that needs a person's yes, wait for it, then call what the person approved.

    Where nobody knows whether it was done, wait until a person has said so.

    Raises:
        ApprovalRejected: The person said no. For the rest see `tools.gateway.call`.
    """
    while True:
        try:
            return await call(tool, args, actor=actor, sequence=sequence, sure=sure)
        except ApprovalRequired as needed:
            args = (await decided(needed.approval_id)).args
        except EffectUnknown as doubt:
            await settled(doubt.key)
