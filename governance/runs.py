"""Runs: every request that was admitted, for whom, under which contract, and how it ended."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from governance.acts import Json
from governance.approvals import PENDING, VOID
from governance.clock import stamp
from governance.contract import Contract
from governance.errors import Cancelled, Denied, InvalidInput
from governance.outcome import Status
from governance.principals import Run, User
from governance.store import Tx

ADMITTED, RUNNING, WAITING, ENDED = "admitted", "running", "waiting", "ended"
_COLUMNS = (
    "id, thread_id, graph, tenant, user_id, roles, subject, verified, policy_version, contract,"
    " input, created, state, ended, outcome"
)


@dataclass(frozen=True, slots=True)
class Record:
    """A run with what was recorded about it.

    Attributes:
        input: What the graph was given, personal values as tokens.
        state: `admitted`, `running`, `waiting` or `ended`.
        outcome: The typed outcome once it ended.
    """

    run: Run
    input: Json
    created: str
    state: str
    ended: str | None
    outcome: dict[str, Any] | None


def open_run(tx: Tx, run: Run, run_input: Json, now: datetime, *, follows: bool = False) -> None:
    """Write a new run.

    Args:
        follows: The thread may carry earlier runs, if they are over and like this one: a conversation.

    Raises:
        InvalidInput: The thread has another run already; what it knows must not leak into this one.
    """
    user = run.user
    _check_thread(tx, run, follows=follows)
    tx.execute(
        f"INSERT INTO runs ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL)",
        (
            run.id, run.thread_id or None, run.graph, user.tenant, user.id, json.dumps(sorted(user.roles)),
            run.subject, run.verified, run.policy_version, json.dumps(run.contract.to_json()),
            json.dumps(run_input, ensure_ascii=False), stamp(now), ADMITTED,
        ),
    )  # fmt: skip


def _check_thread(tx: Tx, run: Run, *, follows: bool) -> None:
    wanted = (run.graph, run.user.tenant, run.user.id, run.subject, run.verified, ENDED)
    columns = "graph, tenant, user_id, subject, verified, state"
    before = (
        tx.all(f"SELECT {columns} FROM runs WHERE thread_id = ?", (run.thread_id,)) if run.thread_id else ()
    )
    if before and not follows:
        msg = f"thread {run.thread_id} has a run already; start a new thread for a new request"
        raise InvalidInput(msg)
    if any(tuple(row) != wanted for row in before):
        msg = (
            f"thread {run.thread_id} carries a run that isn't over, or another person's, customer's or "
            "graph's; start a new thread"
        )
        raise InvalidInput(msg)


def get(tx: Tx, run_id: str) -> Record:
    """Read a run.

    Raises:
        InvalidInput: There is none of this id.
    """
    row = tx.one(f"SELECT {_COLUMNS} FROM runs WHERE id = ?", (run_id,))
    if row is None:
        msg = f"there is no run {run_id!r}; `tower runs` lists them"
        raise InvalidInput(msg)
    return _record(row)


def listed(tx: Tx, *, tenant: str | None = None, state: str | None = None, limit: int = 100) -> list[Record]:
    """Runs, newest first."""
    asked = {name: value for name, value in (("tenant", tenant), ("state", state)) if value is not None}
    where = "".join(f" AND {name} = ?" for name in asked)
    rows = tx.all(
        f"SELECT {_COLUMNS} FROM runs WHERE 1 = 1{where} ORDER BY created DESC, id LIMIT ?",
        (*asked.values(), limit),
    )
    return [_record(row) for row in rows]


def without_model(tx: Tx) -> list[str]:
    """Ids of the runs that stopped since no model answered, oldest first."""
    rows = tx.all(
        "SELECT id FROM runs WHERE state = ? AND"
        " (SELECT max(seq) FROM audit WHERE run = id AND kind = 'model_unavailable') >"
        " (SELECT coalesce(max(seq), 0) FROM audit WHERE run = id AND kind = 'settled' AND seam = 'model')"
        " ORDER BY created, id",
        (RUNNING,),
    )
    return [row[0] for row in rows]


def bind(tx: Tx, run_id: str, thread_id: str, user_id: str) -> Run:
    """Tie a run to the thread it runs on, once; only for whoever opened it.

    Raises:
        Denied: It is another person's run, or bound to another thread.
        InvalidInput: There is no such run.
    """
    record = get(tx, run_id)
    if record.run.user.id != user_id:
        msg = f"run {run_id} was opened by somebody else"
        raise Denied(msg)
    if record.run.thread_id not in {"", thread_id}:
        msg = f"run {run_id} belongs to another thread; open a new run for this one"
        raise Denied(msg)
    tx.execute("UPDATE runs SET thread_id = ? WHERE id = ?", (thread_id, run_id))
    return get(tx, run_id).run


def state(tx: Tx, run_id: str) -> str | None:
    """Where a run stands, or None if there is none."""
    row = tx.one("SELECT state FROM runs WHERE id = ?", (run_id,))
    return row[0] if row else None


def over(tx: Tx, run_id: str) -> Denied:
    """Why nothing more is done in a run that ended, or that isn't there."""
    row = tx.one("SELECT outcome FROM runs WHERE id = ?", (run_id,))
    if row is None:
        return Denied(f"there is no run {run_id}; open a new one")
    outcome = json.loads(row[0] or "{}")
    if outcome.get("status") == Status.CANCELLED:
        why = "; ".join(outcome.get("reasons", ())) or "cancelled"
        return Cancelled(f"run {run_id} has ended: {why}")
    return Denied(f"run {run_id} has ended; open a new one")


def mark(tx: Tx, run_id: str, new: str) -> None:
    """Note where a run stands; one that has ended stays so."""
    tx.execute("UPDATE runs SET state = ? WHERE id = ? AND state <> ?", (new, run_id, ENDED))


def close(tx: Tx, run_id: str, outcome: Json, now: datetime) -> bool:
    """Write how a run ended, and take back what it asks; False if it had ended, and that outcome stands."""
    rows = tx.execute(
        "UPDATE runs SET state = ?, ended = ?, outcome = ? WHERE id = ? AND state <> ? RETURNING 1",
        (ENDED, stamp(now), json.dumps(outcome, ensure_ascii=False), run_id, ENDED),
    )
    if rows:
        tx.execute(
            "UPDATE approvals SET state = ?, message = ? WHERE run = ? AND state = ?",
            (VOID, "its run has ended", run_id, PENDING),
        )
    return bool(rows)


def add_trust(tx: Tx, run_id: str, trusts: Mapping[str, Collection[str]]) -> None:
    """Add to a run's trusted sets what its own recorded effects have made."""
    for name, values in trusts.items():
        for value in values:
            tx.execute(
                "INSERT INTO run_trusts (run, name, value) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                (run_id, name, value),
            )


def added_trust(tx: Tx, run_id: str) -> dict[str, frozenset[str]]:
    """What `add_trust` added to a run's trusted sets so far."""
    added: dict[str, frozenset[str]] = {}
    for name, value in tx.all("SELECT name, value FROM run_trusts WHERE run = ?", (run_id,)):
        added[name] = added.get(name, frozenset()) | {value}
    return added


def _record(row: tuple[Any, ...]) -> Record:
    (run_id, thread, graph, tenant, user, roles, subject, verified, version, contract, *rest) = row
    run_input, created, run_state, ended, outcome = rest
    run = Run(
        id=run_id,
        thread_id=thread or "",
        graph=graph,
        user=User(user, tenant, frozenset(json.loads(roles))),
        subject=subject,
        verified=verified,
        policy_version=version,
        contract=Contract.from_json(json.loads(contract)),
    )
    return Record(
        run, json.loads(run_input), created, run_state, ended, json.loads(outcome) if outcome else None
    )
