"""Routing: who goes on with the work is an act at a seam of its own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from governance.acts import Act, Cost, Json, Seam
from governance.control import control
from governance.principals import Actor, AgentIdentity


async def clear_route(
    actor: Actor,
    target: AgentIdentity,
    sequence: int,
    reason: str,
    *,
    handoffs: int = 1,
    facts: Mapping[str, Json] | None = None,
    args: Mapping[str, Json] | None = None,
) -> None:
    """Have a hand-over, a choice of pattern or of speaker, or an assignment cleared and logged.

    Args:
        handoffs: What it counts as; 0 where the work comes back to whoever gave it out.
        facts: What else policy sees, such as an assignment's likeness to the run's objective.
        args: What is assigned; an approval is for exactly this.

    Raises:
        Denied: Policy has no such edge.
        ApprovalRequired: A person must say yes first.
        BudgetExhausted: The run's hand-offs are used up.
    """
    what = target.name + (json.dumps(args, sort_keys=True) if args else "")
    act = Act(
        seam=Seam.ROUTE,
        actor=actor,
        action="route",
        resource=("Agent", target.name),
        args=args or {},
        request_hash=hashlib.sha256(what.encode()).hexdigest()[:16],
        sequence=sequence,
        cost=Cost(handoffs=handoffs),
        facts={**(facts or {}), "from": actor.agent.kind, "to": target.kind},
    )
    clearance = await control().clear(act)
    if not clearance.done_before:
        await control().settle(
            clearance, {"to": target.name, "reason": reason[:500]}, Cost(handoffs=handoffs)
        )
