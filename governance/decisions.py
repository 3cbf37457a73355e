"""Decisions: a person's answer to an approval, accepted only from whoever may give it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from governance import approvals
from governance.acts import Decision, Effect, Json
from governance.answers import Answer
from governance.approvals import APPROVED, CONSUMED, EXPIRED, REJECTED, VOID, Approval
from governance.canonical import digest
from governance.clock import stamp
from governance.delegation import giver_for
from governance.errors import Denied, InvalidInput
from governance.principals import User
from governance.store import Tx


@dataclass(frozen=True, slots=True)
class Rules:
    """What policy says about answers.

    Attributes:
        version: Of the current policy set; a question asked under another is void.
        permit: Whether a person (with the roles delegated to them) may answer.
        recheck: The decision on the act with other arguments, as if they were approved.
    """

    version: str
    permit: Callable[[User, Approval], Decision]
    recheck: Callable[[Approval, Mapping[str, Json]], Decision]


def decide(tx: Tx, user: User, answer: Answer, *, rules: Rules, now: datetime) -> tuple[Approval, bool]:
    """Record an answer.

    The same answer by the same person again changes nothing.

    Args:
        user: The authenticated person; names in payloads count for nothing.

    Returns:
        The record as it stands, and whether this answer made it so.

    Raises:
        Denied: This person may not answer this question, or policy forbids what they edited.
        InvalidInput: There is nothing to answer (any more), or not in this way.
    """
    approval = approvals.expire(tx, _findable(tx, user, answer.approval_id), now)
    giver = _authority(tx, user, approval, rules, now)
    said = digest([answer.decision, answer.tool, dict(answer.args) if answer.args is not None else None])
    if approval.state in {APPROVED, REJECTED, CONSUMED}:
        if approval.decided_by == user.id and approval.answer_hash == said:
            return approval, False
        msg = f"approval {approval.id} was {approval.reason}; a decision stands"
        raise InvalidInput(msg)
    _still_open(approval, rules.version)
    if answer.decision not in approval.allowed and answer.decision != "reject":
        msg = (
            f"{answer.decision} isn't possible here; {' or '.join(approval.allowed)} is. It is still pending"
        )
        raise InvalidInput(msg)
    args = _edited(approval, answer, rules) if answer.decision == "edit" else approval.args
    decided = replace(
        approval,
        state=APPROVED if answer.decision in {"approve", "edit"} else REJECTED,
        args=args,
        args_hash=digest(dict(args)),
        decision=answer.decision,
        decided_by=user.id,
        on_behalf_of=giver,
        decided=stamp(now),
        message=answer.message,
        answer_hash=said,
    )
    approvals.record(tx, decided)
    return decided, True


def _findable(tx: Tx, user: User, approval_id: str) -> Approval:
    approval = approvals.get(tx, approval_id)
    if approval.tenant != user.tenant:
        # The same words as for an id that doesn't exist: another tenant's ids are no business of theirs.
        msg = f"there is no approval {approval_id!r}; `tower approvals` lists them"
        raise InvalidInput(msg)
    return approval


def _authority(tx: Tx, user: User, approval: Approval, rules: Rules, now: datetime) -> str | None:
    """Who delegated to the user, or None where the user answers in their own right.

    Raises:
        Denied: Neither, or policy forbids it.
    """
    if user.id == approval.requester:
        msg = (
            f"{user.id} asked for it and can't answer it as well; another {' or '.join(approval.roles)} must"
        )
        raise Denied(msg)
    giver = None
    if user.roles.isdisjoint(approval.roles):
        giver = giver_for(tx, user, approval.roles, requester=approval.requester, now=now)
        if giver is None:
            msg = f"{user.id} may not answer {approval.id}; it takes the role {' or '.join(approval.roles)}"
            raise Denied(msg)
        user = replace(user, roles=user.roles | frozenset(approval.roles))
    decision = rules.permit(user, approval)
    if decision.effect is not Effect.ALLOW:
        raise Denied(
            decision.reason or f"policy doesn't let {user.id} answer {approval.id}", decision.policies
        )
    return giver


def _still_open(approval: Approval, policy_version: str) -> None:
    if approval.state == VOID:
        msg = f"approval {approval.id} is void: {approval.reason}; `tower approvals` lists what is open"
        raise InvalidInput(msg)
    if approval.state == EXPIRED:
        msg = f"approval {approval.id} has expired and counts as rejected: {approval.reason}"
        raise InvalidInput(msg)
    if approval.policy_version != policy_version:
        msg = (
            f"approval {approval.id} was asked under another policy or other limits; "
            f"resume run {approval.run}, which asks again"
        )
        raise InvalidInput(msg)


def _edited(approval: Approval, answer: Answer, rules: Rules) -> Mapping[str, Json]:
    if answer.tool != approval.action:
        msg = f"an edit changes arguments, not the tool: {approval.action} was asked about, not {answer.tool}"
        raise InvalidInput(msg)
    args = dict(answer.args or {})
    if missing := sorted(set(approval.args) - set(args)):
        msg = f"an edit gives all arguments, and {', '.join(missing)} is missing; it is still pending"
        raise InvalidInput(msg)
    decision = rules.recheck(approval, args)
    if decision.effect is not Effect.ALLOW:
        msg = f"policy doesn't allow the edited arguments ({decision.reason or 'no policy permits them'})"
        raise Denied(msg, decision.policies)
    return args
