"""Threads: which runs a conversation thread carries, and whom it concerns."""

from __future__ import annotations

from datetime import datetime

from governance import approvals, delegation, runs
from governance.approvals import PENDING, Approval
from governance.principals import User
from governance.runs import Record
from governance.store import Tx


def runs_on(tx: Tx, thread_id: str) -> list[Record]:
    """The runs of a thread, of whatever tenant, newest first."""
    rows = tx.all("SELECT id FROM runs WHERE thread_id = ? ORDER BY created DESC, id", (thread_id,))
    return [runs.get(tx, row[0]) for row in rows]


def people_on(tx: Tx, thread_id: str) -> list[User]:
    """Whose runs a thread carries."""
    rows = tx.all("SELECT DISTINCT user_id, tenant FROM runs WHERE thread_id = ?", (thread_id,))
    return [User(user, tenant, frozenset()) for user, tenant in rows]


def concerns(tx: Tx, user: User, thread_id: str, now: datetime) -> bool:
    """Whether a run of this thread asks, or asked, something that this person may answer, or answered."""
    rows = tx.all(
        "SELECT approvals.id FROM approvals JOIN runs ON runs.id = approvals.run"
        " WHERE runs.thread_id = ? AND approvals.tenant = ?",
        (thread_id, user.tenant),
    )
    return any(_concerns(tx, user, approvals.get(tx, row[0]), now) for row in rows)


def _concerns(tx: Tx, user: User, approval: Approval, now: datetime) -> bool:
    if approval.decided_by == user.id:
        return True
    approval = approvals.as_of(approval, now)
    if approval.state != PENDING or approval.requester == user.id:
        return False
    if not user.roles.isdisjoint(approval.roles):
        return True
    return delegation.giver_for(tx, user, approval.roles, requester=approval.requester, now=now) is not None
