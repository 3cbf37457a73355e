"""Effects: what tools did in a run, what nobody knows the end of, and how that is settled."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from governance.acts import Json
from governance.clock import moment, stamp
from governance.errors import InvalidInput
from governance.journal import State
from governance.store import Tx

_SELECT = (
    "SELECT j.key, j.run, r.tenant, r.user_id, r.graph, j.action, j.agent, j.state, j.attempt, j.worker,"
    " j.lease, j.begun, j.ended, j.approved_by, j.result, j.error FROM journal j JOIN runs r ON r.id = j.run"
    " WHERE j.seam = 'tool'"
)


@dataclass(frozen=True, slots=True)
class Recorded:
    """A tool call as the journal has it.

    Attributes:
        owner: Who started the run.
        state: A `journal.State` value.
        worker: Who began the last attempt; it counts as alive until `lease` unless its lock is free.
        result: Of one that is done, personal values as tokens.
    """

    key: str
    run: str
    tenant: str
    owner: str
    graph: str
    action: str
    agent: str
    state: str
    attempt: int
    worker: str
    lease: datetime
    begun: datetime
    ended: datetime | None
    approved_by: str | None
    result: Json
    error: str | None

    @property
    def position(self) -> str:
        """Where in the run it was asked for, with its number there."""
        return self.key.removeprefix(f"{self.run}/").rsplit("/", 2)[0]


def get(tx: Tx, key: str) -> Recorded:
    """One tool call.

    Raises:
        InvalidInput: There is none of this key.
    """
    row = tx.one(f"{_SELECT} AND j.key = ?", (key,))
    if row is None:
        msg = f"there is no effect {key!r}; `tower effects list` shows them"
        raise InvalidInput(msg)
    return _read(row)


def of_run(tx: Tx, run_id: str) -> list[Recorded]:
    """All tool calls of a run, in the order in which they were cleared last."""
    order: dict[str, int] = dict(
        tx.all("SELECT key, max(seq) FROM audit WHERE run = ? AND kind = 'cleared' GROUP BY key", (run_id,))
    )
    found = [_read(row) for row in tx.all(f"{_SELECT} AND j.run = ?", (run_id,))]
    return sorted(found, key=lambda effect: order.get(effect.key, 0))


def args_of(tx: Tx, effect: Recorded) -> dict[str, Json]:
    """The arguments that were cleared last, personal values as tokens; the log has them."""
    row = tx.one(
        "SELECT body FROM audit WHERE run = ? AND key = ? AND kind = 'cleared' ORDER BY seq DESC",
        (effect.run, effect.key),
    )
    args: dict[str, Json] = json.loads(row[0])["args"] if row else {}
    return args


def in_state(tx: Tx, tenant: str, states: Sequence[str]) -> list[Recorded]:
    """A tenant's tool calls that stand so, oldest first."""
    marks = ", ".join("?" * len(states))
    rows = tx.all(
        f"{_SELECT} AND r.tenant = ? AND j.state IN ({marks}) ORDER BY j.begun, j.key", (tenant, *states)
    )
    return [_read(row) for row in rows]


def resolve(
    tx: Tx, key: str, result: str | None, *, attempt: int, states: Sequence[State], now: datetime
) -> bool:
    """Write that an act happened, with its result, or that it did not and may be tried again.

    Args:
        result: As `journal.encode` made it; None where it did not happen.
        attempt: The one that was looked into; an answer about an earlier one counts for nothing.

    Returns:
        False if it doesn't stand like this any more.
    """
    marks = ", ".join("?" * len(states))
    rows = tx.execute(
        f"UPDATE journal SET state = ?, result = ?, ended = ? WHERE key = ? AND attempt = ?"
        f" AND state IN ({marks}) RETURNING 1",
        (
            (State.FAILED if result is None else State.DONE).value, result, stamp(now), key, attempt,
            *(state.value for state in states),
        ),
    )  # fmt: skip
    return bool(rows)


def _read(row: Sequence[Any]) -> Recorded:
    names = [name for name in Recorded.__slots__ if name != "result"]  # in the order of _SELECT
    *values, result, error = row
    fields = dict(zip(names, [*values, error], strict=True))
    for name in ("lease", "begun", "ended"):
        fields[name] = moment(fields[name]) if fields[name] else None
    return Recorded(**fields, result=json.loads(result) if result is not None else None)
