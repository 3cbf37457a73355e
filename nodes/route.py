"""Routing: who goes on with the work is an act at a seam of its own."""

from __future__ import annotations

import hashlib

from governance.acts import Act, Cost, Seam
from governance.control import control
from governance.principals import Actor, AgentIdentity


async def clear_route(actor: Actor, target: AgentIdentity, sequence: int, reason: str) -> None:
    """Have a hand-over, a choice of pattern or of speaker cleared and logged.

    Raises:
        Denied: Policy has no such edge.
        BudgetExhausted: The run's hand-offs are used up.
    """
    act = Act(
        seam=Seam.ROUTE,
        actor=actor,
        action="route",
        resource=("Agent", target.name),
        args={},
        request_hash=hashlib.sha256(target.name.encode()).hexdigest()[:16],
        sequence=sequence,
        cost=Cost(handoffs=1),
        facts={"from": actor.agent.kind, "to": target.kind},
    )
    clearance = await control().clear(act)
    if not clearance.done_before:
        await control().settle(clearance, {"to": target.name, "reason": reason[:500]}, Cost(handoffs=1))
