"""Refusals: how a no is written down, with what it rests on."""

from __future__ import annotations

from governance.acts import Act, Decision, Effect, Json
from governance.audit import Entry
from governance.errors import (
    ApprovalRejected,
    ApprovalRequired,
    BreakerOpen,
    BudgetExhausted,
    Denied,
    TowerError,
)


def refusal_entry(act: Act, refusal: TowerError, policy_version: str) -> Entry:
    """The audit entry of an act that was refused."""
    policies = refusal.policies if isinstance(refusal, Denied) else ()
    effect = Effect.APPROVE if isinstance(refusal, ApprovalRequired) else Effect.DENY
    decision = Decision(effect, policies, policy_version)
    body: dict[str, Json] = {
        "reason": str(refusal),
        "args": dict(act.args),
        "refusal": type(refusal).__name__,
    }
    if isinstance(refusal, ApprovalRequired | ApprovalRejected):
        body["approval"] = refusal.approval_id
    if isinstance(refusal, BreakerOpen):
        body["breaker"] = refusal.name
    if isinstance(refusal, BudgetExhausted):
        body |= {"scope": refusal.scope, "unit": refusal.unit, "limit": refusal.limit}
    return Entry.of_act("refused", act, decision, **body)


def denied(act: Act, decision: Decision) -> Denied:
    """What policy's no means to whoever asked."""
    reason = decision.reason or f"policy doesn't let {act.actor.agent.name} do {act.action}"
    return Denied(reason, decision.policies)
