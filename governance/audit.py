"""Audit log: append-only entries, each bound to the one before it by SHA-256."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from functools import lru_cache, partial
from typing import Any

from governance.acts import Act, Cost, Decision, Json
from governance.anchors import Anchor, Anchors, Seal
from governance.canonical import canonical, canonical_row
from governance.clock import Clock, stamp, utc_now
from governance.connections import Row
from governance.limits import UNITS
from governance.principals import Run, User
from governance.store import ControlStore, Tx

COLUMNS = (
    "seq", "time", "prev", "kind", "tenant", "run", "seam", "actor", "agent_version", "user_id", "action",
    "resource", "decision", "policies", "policy_version", "model", "cost", "key", "body", "hash",
)  # fmt: skip
_HASHED = COLUMNS[:-1]
_INSERT = f"INSERT INTO audit ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"
_SELECT = f"SELECT {', '.join(COLUMNS)} FROM audit"
_AS_JSON = ("policies", "cost", "body")
_PAGE = 500


@dataclass(frozen=True, slots=True)
class Entry:
    """What happened, in the words of an auditor; personal values only as tokens.

    Attributes:
        kind: `cleared`, `refused`, `settled`, `failed`, `approval_requested`, `run_opened`, …
        actor: The agent's name, where an agent acted.
        user: The person who acted, or for whom the agent acted.
        cost: Units used or reserved.
        key: The act's idempotency key.
    """

    kind: str
    tenant: str | None = None
    run: str | None = None
    seam: str | None = None
    actor: str | None = None
    agent_version: str | None = None
    user: str | None = None
    action: str | None = None
    resource: str | None = None
    decision: str | None = None
    policies: tuple[str, ...] = ()
    policy_version: str | None = None
    model: str | None = None
    cost: Cost | None = None
    key: str | None = None
    body: dict[str, Json] = field(default_factory=dict)

    @classmethod
    def of_act(
        cls, kind: str, act: Act, decision: Decision | None = None, cost: Cost | None = None, **body: Json
    ) -> Entry:
        """The entry of an act at a seam."""
        run = act.actor.run
        model = act.facts.get("model")
        return cls(
            kind,
            tenant=run.user.tenant,
            run=run.id,
            seam=act.seam.value,
            actor=act.actor.agent.name,
            agent_version=act.actor.agent.version,
            user=run.user.id,
            action=act.action,
            resource="::".join(act.resource),
            decision=decision.effect.value if decision else None,
            policies=decision.policies if decision else (),
            policy_version=decision.version if decision else run.policy_version,
            model=str(model) if model is not None else None,
            cost=cost,
            key=act.key,
            body=body,
        )

    @classmethod
    def of_run(cls, kind: str, run: Run, user: User | None = None, **body: Json) -> Entry:
        """The entry of something about a whole run."""
        return cls(
            kind,
            tenant=run.user.tenant,
            run=run.id,
            user=(user or run.user).id,
            policy_version=run.policy_version,
            body=body,
        )


class AuditLog:
    """The audit log of a control store."""

    def __init__(
        self, store: ControlStore, anchors: Anchors, *, interval: int = 100, clock: Clock = utc_now
    ) -> None:
        self.store = store
        self.anchors = anchors
        self.interval = interval
        self.clock = clock
        self.on_end: Callable[[str], None] | None = None
        store.before_close.append(self._anchor_head)

    def append(self, tx: Tx, entry: Entry) -> int:
        """Append an entry in the caller's transaction and return its number, from 1.

        Raises:
            ControlUnavailable: An anchor is due and the key can't be used.
            ValueError: The body isn't JSON.
        """
        # Nobody else writes while this transaction does, so what it appended last is still the last.
        last, prev = tx.db.head or tx.all("SELECT seq, hash FROM audit_head")[0]
        seq = last + 1
        row = _row(entry, seq, stamp(self.clock()), prev)
        tx.execute(_INSERT, row)
        tx.db.head = (seq, row[-1])
        if seq % self.interval == 0:
            self._anchor(tx, seq, row[-1])
        if self.on_end and entry.kind == "run_ended":
            tx.after_commit.append(partial(self.on_end, str(entry.run)))
        return int(seq)

    def entries(
        self, *, run: str | None = None, kind: str | None = None, tenant: str | None = None, since: int = 0
    ) -> Iterator[dict[str, Json]]:
        """Stream entries after number `since`, oldest first, as JSON objects."""
        filters = {"run": run, "kind": kind, "tenant": tenant}
        asked = {column: value for column, value in filters.items() if value is not None}
        where = " AND ".join(["seq > ?", *(f"{column} = ?" for column in asked)])
        sql = f"{_SELECT} WHERE {where} ORDER BY seq LIMIT {_PAGE}"
        while True:
            params = (since, *asked.values())
            rows: list[Row] = self.store.read_sync(lambda tx, params=params: tx.all(sql, params))  # type: ignore[misc]
            yield from map(as_json, rows)
            if len(rows) < _PAGE:
                return
            since = rows[-1][0]

    def export(self, *, run: str | None = None, since: int = 0, tenant: str | None = None) -> Iterator[str]:
        """Stream the log as JSONL; each line has the entry's number, its hash and the hash before it.

        Where entries before the first one were dropped, their seal comes before it.

        Args:
            tenant: Of other tenants' entries only number and hashes are given, so that links can be checked.
        """
        before = self.store.read_sync(lambda tx: dropped(tx)[1]) if run is None and since == 0 else None
        if before:
            yield sealed_line(before)
        for entry in self.entries(run=run, since=since):
            whole = tenant is None or entry.get("tenant") in (None, tenant)
            links = {name: entry[name] for name in ("seq", "prev", "hash")} | {"withheld": True}
            yield canonical(entry if whole else links).decode()

    def _anchor(self, tx: Tx, seq: int, entry_hash: str) -> None:
        anchor = self.anchors.sign(Anchor(seq, entry_hash, stamp(self.clock()), self.interval))
        tx.execute("INSERT INTO audit_anchors VALUES (?, ?, ?, ?, ?, ?)", tuple(asdict(anchor).values()))
        tx.after_commit.append(lambda: self.anchors.keep(anchor))

    def _anchor_head(self, tx: Tx) -> None:
        seq, entry_hash = tx.all("SELECT seq, hash FROM audit_head")[0]
        if seq and not tx.one("SELECT 1 FROM audit_anchors WHERE seq = ?", (seq,)):
            self._anchor(tx, seq, entry_hash)


def entry_hash(row: Row) -> str:
    """SHA-256 over the canonical form of every column but the hash itself, each as it is stored."""
    return hashlib.sha256(canonical_row(dict(zip(_HASHED, row, strict=False)))).hexdigest()


def page(tx: Tx, after: int) -> list[Row]:
    """The next rows of the log in order of their numbers."""
    return tx.all(f"{_SELECT} WHERE seq > ? ORDER BY seq LIMIT {_PAGE}", (after,))


def stored_anchors(tx: Tx) -> list[Anchor]:
    """The anchors that the database keeps beside the log."""
    rows = tx.all("SELECT seq, hash, time, every, key_id, signature FROM audit_anchors ORDER BY seq")
    return [Anchor(*row) for row in rows]


def seals(tx: Tx) -> list[Seal]:
    """The segments of the log that were closed, as far as they stand in it."""
    rows = tx.all("SELECT body FROM audit WHERE kind = 'audit_sealed' ORDER BY seq")
    return [Seal(**json.loads(body)) for (body,) in rows]


def dropped(tx: Tx) -> tuple[int, Seal | None]:
    """Up to which entry the log was dropped, and the seal of what ended there; 0 and None where it wasn't."""
    first = tx.one("SELECT seq, prev FROM audit ORDER BY seq LIMIT 1")
    last = first[0] - 1 if first else 0
    found = [seal for seal in seals(tx) if first and (seal.last, seal.hash) == (last, first[1])]
    return (last, found[0]) if found else (last, None)


def sealed_line(seal: Seal) -> str:
    """A seal as it stands between the entries of an export."""
    return canonical({"seal": asdict(seal)}).decode()


def as_json(row: Row) -> dict[str, Any]:
    """A row as a JSON object; absent fields are left out."""
    fields = {name: value for name, value in zip(COLUMNS, row, strict=True) if value is not None}
    return {name: json.loads(value) if name in _AS_JSON else value for name, value in fields.items()}


@lru_cache(maxsize=1024)
def _policies(ids: tuple[str, ...]) -> str:
    return canonical(list(ids)).decode()


@lru_cache(maxsize=1024)
def _cost(cost: Cost | None) -> str:
    used = {unit: getattr(cost, unit) for unit in UNITS} if cost else {}
    return canonical({unit: count for unit, count in used.items() if count}).decode()


def _row(entry: Entry, seq: int, time: str, prev: str) -> Row:
    row = (
        seq, time, prev, entry.kind, entry.tenant, entry.run, entry.seam, entry.actor, entry.agent_version,
        entry.user, entry.action, entry.resource, entry.decision,
        _policies(entry.policies), entry.policy_version, entry.model,
        _cost(entry.cost), entry.key, canonical(entry.body).decode(),
    )  # fmt: skip
    return (*row, entry_hash(row))
