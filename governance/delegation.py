"""Delegation: a person lets another answer for approvals in their place, for a time."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime

from governance.clock import stamp
from governance.errors import Denied
from governance.principals import User
from governance.store import Tx


def delegate(tx: Tx, giver: User, receiver_id: str, *, roles: Iterable[str], until: datetime) -> None:
    """Let `receiver_id` of the same tenant answer with these roles of the giver's.

    Raises:
        Denied: The giver doesn't have the roles, or names themselves.
    """
    wanted = frozenset(roles)
    if not wanted or not wanted <= giver.roles or receiver_id == giver.id:
        msg = f"{giver.id} can't delegate {', '.join(sorted(wanted)) or 'nothing'} to {receiver_id}"
        raise Denied(msg)
    tx.execute(
        "INSERT INTO delegations (tenant, giver, roles, receiver, until) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (tenant, giver, receiver) DO UPDATE SET roles = excluded.roles, until = excluded.until",
        (giver.tenant, giver.id, json.dumps(sorted(wanted)), receiver_id, stamp(until)),
    )


def giver_for(tx: Tx, user: User, roles: Iterable[str], *, requester: str, now: datetime) -> str | None:
    """Who lets `user` answer where one of `roles` is needed, or None; never the requester."""
    rows = tx.all(
        "SELECT giver, roles FROM delegations WHERE tenant = ? AND receiver = ? AND until > ? AND giver <> ?"
        " ORDER BY giver",
        (user.tenant, user.id, stamp(now), requester),
    )
    wanted = set(roles)
    return next((giver for giver, given in rows if wanted & set(json.loads(given))), None)
