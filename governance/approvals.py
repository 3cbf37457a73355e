"""Approvals: single-use grants by a second person, bound to run, action, arguments and policy version."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from governance.act_json import act_to_json
from governance.acts import Act, Json
from governance.approval_rules import ApprovalRules
from governance.canonical import digest
from governance.clock import moment, stamp
from governance.errors import ApprovalRejected, InvalidInput
from governance.ids import new_id
from governance.store import Tx

PENDING, APPROVED, REJECTED, EXPIRED, CONSUMED = "pending", "approved", "rejected", "expired", "consumed"
VOID = "void"  # taken back before anybody answered, which is no no
_COLUMNS = (
    "id, run, tenant, action, asked_key, asked_hash, args_hash, policy_version, requester, act, args,"
    " description, allowed, roles, state, created, expires, decision, decided_by, on_behalf_of, decided,"
    " message, answer_hash, consumed_by, later"
)


@dataclass(frozen=True, slots=True)
class Approval:
    """A question to a person, and what they said.

    Attributes:
        asked_hash: Hash of the arguments that were asked about.
        args_hash: Hash of the arguments that are approved; differs from `asked_hash` after an edit.
        requester: Who started the run; may not answer.
        act: What was asked for, as JSON.
        args: The arguments to act with: as asked, or as edited.
        roles: Roles of which one is needed to answer.
        state: `pending`, `approved`, `rejected`, `expired`, `consumed` or `void`.
        on_behalf_of: Who delegated the answer to `decided_by`, if anybody did.
        consumed_by: Key of the act that used the grant.
        later: Role → moment from which it may answer too, where nobody has answered by then.
    """

    id: str
    run: str
    tenant: str
    action: str
    asked_key: str
    asked_hash: str
    args_hash: str
    policy_version: str
    requester: str
    act: Mapping[str, Json]
    args: Mapping[str, Json]
    description: str
    allowed: tuple[str, ...]
    roles: tuple[str, ...]
    state: str
    created: str
    expires: str
    decision: str | None = None
    decided_by: str | None = None
    on_behalf_of: str | None = None
    decided: str | None = None
    message: str | None = None
    answer_hash: str | None = None
    consumed_by: str | None = None
    later: Mapping[str, str] = field(default_factory=dict)

    @property
    def edited(self) -> bool:
        """The person changed the arguments."""
        return self.args_hash != self.asked_hash

    @property
    def reason(self) -> str:
        """Why it stands as it does, in one sentence."""
        if self.state in {EXPIRED, VOID}:
            return self.message or f"nobody answered until {self.expires}"
        if self.decided_by is None:
            return f"waits for {' or '.join(self.roles)}"
        who = f"{self.decided_by} for {self.on_behalf_of}" if self.on_behalf_of else self.decided_by
        said = "approved" if self.state in {APPROVED, CONSUMED} else "rejected"
        return f"{said} by {who}" + (f": {self.message}" if self.message else "")


def existing(tx: Tx, act: Act, policy_version: str, now: datetime) -> Approval | None:
    """The question that was asked for the same action and arguments in this run already.

    One whose grant was used counts only for the act that asked it; a no holds under any policies.
    """
    wanted = digest(dict(act.args))
    found = [
        approval
        for approval in _bound(tx, act, policy_version)
        if wanted in {approval.asked_hash, approval.args_hash}
        and (approval.state != CONSUMED or approval.asked_key == act.key)
    ]
    found.sort(key=lambda approval: (approval.state == CONSUMED, approval.asked_key != act.key))
    return expire(tx, found[0], now) if found else None


def create(
    tx: Tx,
    act: Act,
    *,
    policy_version: str,
    rules: ApprovalRules,
    description: str,
    allowed: tuple[str, ...],
    requester: str,
    now: datetime,
) -> Approval:
    """Ask for an act; the same question under an older policy version is void from here on.

    Raises:
        ApprovalRejected: The run has asked as often as it may.
    """
    run, asked_hash = act.actor.run, digest(dict(act.args))
    asked = tx.one("SELECT count(*) FROM approvals WHERE run = ? AND state <> ?", (run.id, VOID))
    if asked and asked[0] >= rules.per_run:
        msg = f"{run.id} has put {asked[0]} questions to people, as many as a run may; go on without it"
        raise ApprovalRejected(approval_id="", reason=msg)
    why = "a policy or a limit changed; it is asked again"
    tx.execute(
        "UPDATE approvals SET state = ?, message = ? WHERE run = ? AND action = ? AND asked_hash = ?"
        " AND state = ? AND policy_version <> ?",
        (VOID, why, run.id, act.action, asked_hash, PENDING, policy_version),
    )
    superiors = enumerate(rules.superiors(act.action), 1)
    later = {role: stamp(now + n * rules.expires_after) for n, role in superiors}
    approval = Approval(
        id=new_id("apr", 12),
        run=run.id,
        tenant=run.user.tenant,
        action=act.action,
        asked_key=act.key,
        asked_hash=asked_hash,
        args_hash=asked_hash,
        policy_version=policy_version,
        requester=requester,
        act=act_to_json(act),
        args=dict(act.args),
        description=description,
        allowed=allowed,
        roles=rules.roles_for(act.action),
        state=PENDING,
        created=stamp(now),
        expires=stamp(now + (1 + len(later)) * rules.expires_after),
        later=later,
    )
    _write(tx, approval)
    return approval


def grant_for(tx: Tx, act: Act, policy_version: str) -> Approval | None:
    """The unused grant for exactly this act, or the one that an earlier attempt of it used."""
    wanted = digest(dict(act.args))
    grants = [a for a in _bound(tx, act, policy_version) if a.args_hash == wanted]
    used = [a for a in grants if a.state == CONSUMED and a.consumed_by == act.key]
    return next(iter(used), None) or next((a for a in grants if a.state == APPROVED), None)


def consume(tx: Tx, approval: Approval, act: Act) -> None:
    """Use a grant up, in the transaction that writes the intent."""
    tx.execute(
        "UPDATE approvals SET state = ?, consumed_by = ? WHERE id = ? AND state = ?",
        (CONSUMED, act.key, approval.id, APPROVED),
    )


def get(tx: Tx, approval_id: str) -> Approval:
    """Read an approval as it is recorded.

    Raises:
        InvalidInput: There is none of this id.
    """
    row = tx.one(f"SELECT {_COLUMNS} FROM approvals WHERE id = ?", (approval_id,))
    if row is None:
        msg = f"there is no approval {approval_id!r}; `tower approvals` lists them"
        raise InvalidInput(msg)
    return _read(row)


def as_of(approval: Approval, now: datetime) -> Approval:
    """The approval as it stands now: whoever may answer by now, or expired, and silence means no."""
    if approval.state != PENDING:
        return approval
    joined = (role for role, since in approval.later.items() if now >= moment(since))
    roles = tuple(dict.fromkeys((*approval.roles, *joined)))
    return replace(approval, roles=roles, state=EXPIRED if now >= moment(approval.expires) else PENDING)


def pending(tx: Tx, *, tenant: str, now: datetime, role: str | None = None) -> list[Approval]:
    """Questions of a tenant that wait for an answer, oldest first."""
    rows = tx.all(
        f"SELECT {_COLUMNS} FROM approvals WHERE tenant = ? AND state = ? AND expires > ?"
        " ORDER BY created, id",
        (tenant, PENDING, stamp(now)),
    )
    return [a for a in (as_of(_read(row), now) for row in rows) if role is None or role in a.roles]


def expire(tx: Tx, approval: Approval, now: datetime) -> Approval:
    """Write down that nobody answered in time, where that is so."""
    current = as_of(approval, now)
    if current.state != approval.state:
        tx.execute(
            "UPDATE approvals SET state = ? WHERE id = ? AND state = ?", (EXPIRED, approval.id, PENDING)
        )
    return current


def record(tx: Tx, approval: Approval) -> None:
    """Write a person's decision."""
    tx.execute(
        "UPDATE approvals SET state = ?, args = ?, args_hash = ?, decision = ?, decided_by = ?,"
        " on_behalf_of = ?, decided = ?, message = ?, answer_hash = ? WHERE id = ? AND state = ?",
        (
            approval.state, json.dumps(dict(approval.args)), approval.args_hash, approval.decision,
            approval.decided_by, approval.on_behalf_of, approval.decided, approval.message,
            approval.answer_hash, approval.id, PENDING,
        ),
    )  # fmt: skip


def _bound(tx: Tx, act: Act, policy_version: str) -> list[Approval]:
    rows = tx.all(
        f"SELECT {_COLUMNS} FROM approvals WHERE run = ? AND action = ? AND state <> ?"
        " AND (policy_version = ? OR state = ?) ORDER BY created, id",
        (act.actor.run.id, act.action, VOID, policy_version, REJECTED),
    )
    return [_read(row) for row in rows]


def _write(tx: Tx, approval: Approval) -> None:
    fields = (getattr(approval, name.strip()) for name in _COLUMNS.split(","))
    values = [json.dumps(value) if isinstance(value, (dict, tuple)) else value for value in fields]
    tx.execute(f"INSERT INTO approvals ({_COLUMNS}) VALUES ({', '.join('?' * len(values))})", values)


def _read(row: tuple[Any, ...]) -> Approval:
    values = dict(zip((name.strip() for name in _COLUMNS.split(",")), row, strict=True))
    for name in ("act", "args", "later"):
        values[name] = json.loads(values[name] or "{}")  # rows of older releases have no `later`
    for name in ("allowed", "roles"):
        values[name] = tuple(json.loads(values[name]))
    return Approval(**values)
