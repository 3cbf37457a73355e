"""Journal: what was begun and how it ended, so that nothing is done twice or lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache

from governance.acts import Act, Decision, Effect, Json
from governance.clock import stamp
from governance.connections import Row
from governance.store import Tx


class State(StrEnum):
    """Where an act stands."""

    NEW = "new"
    """Never begun."""
    OPEN = "open"
    """Begun, not ended: whoever holds it is at work, or died."""
    DONE = "done"
    FAILED = "failed"
    """Ended without a result; it may be tried again."""
    UNKNOWN = "unknown"
    """Begun by someone who died; it may or may not have acted."""


class Standing(StrEnum):
    """What whoever wants to act finds."""

    FRESH = "fresh"
    """Nobody acted, or a repeat does no harm: go on."""
    REPLAY = "replay"
    """Done before: take the stored result."""
    HELD = "held"
    """Another worker is at it: wait."""
    IN_DOUBT = "in_doubt"
    """Perhaps done before, and a repeat would do harm: a person must settle it."""


@dataclass(frozen=True, slots=True)
class Found:
    """What the journal knows about an act.

    Attributes:
        attempts: How many were begun so far.
        abandoned: The last attempt was begun and its worker is gone.
        result: Of a replay, as it was stored.
        decision: What policy said when the act was cleared, for a replay.
        approved_by: Whose approval was consumed, if any.
    """

    standing: Standing
    attempts: int = 0
    abandoned: bool = False
    result: Json = None
    decision: Decision | None = None
    approved_by: str | None = None


def found(row: Row, *, now: datetime, died: Callable[[str], bool]) -> Found:
    """Look an act up by its key.

    Args:
        died: Says of a worker's id whether it is certainly gone; else its lease decides.
    """
    state, attempts, repeatable, worker, lease, result, decision, approved_by = row
    if state is None:
        return Found(Standing.FRESH)
    if state == State.DONE:
        return Found(
            Standing.REPLAY,
            attempts,
            result=json.loads(result),
            decision=_decision(decision),
            approved_by=approved_by,
        )
    if state == State.UNKNOWN:
        return Found(Standing.IN_DOUBT, attempts)
    if state == State.FAILED:
        return Found(Standing.FRESH, attempts)
    if lease > stamp(now) and not died(worker):
        return Found(Standing.HELD, attempts)
    return Found(Standing.FRESH if repeatable else Standing.IN_DOUBT, attempts, abandoned=True)


def begin(
    tx: Tx,
    act: Act,
    decision: Decision,
    *,
    worker: str,
    now: datetime,
    lease: timedelta,
    approved_by: str | None = None,
) -> int:
    """Write the intent to act, and return the number of the attempt (1, 2, …)."""
    run, agent = act.actor.run, act.actor.agent
    rows = tx.execute(
        "INSERT INTO journal (key, run, seam, action, agent, repeatable, attempt, state, worker, lease,"
        " begun, decision, approved_by) VALUES (?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (key) DO UPDATE SET attempt = journal.attempt + 1, state = excluded.state,"
        " worker = excluded.worker, lease = excluded.lease,"
        " begun = excluded.begun, decision = excluded.decision,"
        " approved_by = excluded.approved_by, error = NULL, ended = NULL RETURNING attempt",
        (
            act.key, run.id, act.seam.value, act.action, agent.name, int(act.repeatable), State.OPEN.value,
            worker, stamp(now + lease), stamp(now), _stored(decision), approved_by,
        ),
    )  # fmt: skip
    return int(rows[0][0])


def finish(tx: Tx, key: str, result: str, *, attempt: int, now: datetime) -> bool:
    """Write the result, as `encode` made it.

    A late result of an attempt that was given up as unknown settles it.

    Returns:
        False if the act was ended by someone else, whose result stands.
    """
    rows = tx.execute(
        "UPDATE journal SET state = ?, result = ?, ended = ? WHERE key = ? AND attempt = ?"
        " AND state IN (?, ?) RETURNING 1",
        (State.DONE.value, result, stamp(now), key, attempt, State.OPEN.value, State.UNKNOWN.value),
    )
    return bool(rows)


def fail(tx: Tx, key: str, error: str, *, attempt: int, retry: bool, now: datetime) -> bool:
    """Write that an attempt ended without a result.

    Args:
        retry: The act may be tried again; if not, it is unknown whether it acted.

    Returns:
        False if the attempt was ended by someone else.
    """
    rows = tx.execute(
        "UPDATE journal SET state = ?, error = ?, ended = ? WHERE key = ? AND attempt = ? AND state = ?"
        " RETURNING 1",
        ((State.FAILED if retry else State.UNKNOWN).value, error, stamp(now), key, attempt, State.OPEN.value),
    )
    return bool(rows)


def give_up(tx: Tx, key: str, *, now: datetime) -> bool:
    """Mark an abandoned act as unknown; False if it was marked before."""
    rows = tx.execute(
        "UPDATE journal SET state = ?, ended = ? WHERE key = ? AND state = ? RETURNING 1",
        (State.UNKNOWN.value, stamp(now), key, State.OPEN.value),
    )
    return bool(rows)


def calls(tx: Tx, act: Act) -> int:
    """How often the run has called this act's tool, this very call (and its attempts) left out."""
    row = tx.all(
        "SELECT count(*) FROM journal WHERE run = ? AND seam = 'tool' AND action = ? AND key <> ?",
        (act.actor.run.id, act.action, act.key),
    )[0]
    return int(row[0])


def encode(value: Json) -> str:
    """A result as the journal keeps it.

    Raises:
        TypeError: It isn't JSON.
    """
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@lru_cache(maxsize=256)
def _stored(decision: Decision) -> str:
    return encode([decision.effect.value, list(decision.policies), decision.version, decision.reason])


@lru_cache(maxsize=256)
def _decision(text: str) -> Decision:
    effect, policies, version, reason = json.loads(text)
    return Decision(Effect(effect), tuple(policies), version, reason)
