"""Timers: how long a run was at work, and how long it waited, which costs it nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from governance.clock import moment, stamp
from governance.connections import Row
from governance.store import Tx

NOTED_EVERY = timedelta(seconds=30)
"""A run's last activity is kept to this precision, so that a short run writes nothing."""

_SLACK = timedelta(minutes=1)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a run stands, as read before an act.

    Attributes:
        state: Of the run.
        created: When it was admitted.
        idle: What didn't count as work so far.
        waits_since: Since when it has waited for a person, if it does.
        active: When it was last known to be at work.
        troubled: Some breaker counts failures.
        ended: When it ended, from when on its clocks stand still.
    """

    state: str
    created: datetime
    idle: timedelta
    waits_since: datetime | None
    active: datetime
    troubled: bool = False
    ended: datetime | None = None

    def worked(self, now: datetime) -> timedelta:
        """How long the run was at work."""
        return self.taken(now) - self.waited(now)

    def waited(self, now: datetime) -> timedelta:
        """How long it was not at work: it waited for a person, or nobody ran it."""
        return self.idle + ((self.ended or now) - self.waits_since if self.waits_since else timedelta())

    def taken(self, now: datetime) -> timedelta:
        """How long it took from request to outcome, or has taken by now."""
        return (self.ended or now) - self.created


def read(tx: Tx, run_id: str) -> Standing | None:
    """Where a run stands, or None if there is none."""
    row = tx.one(
        "SELECT r.state, r.created, r.ended, t.idle, t.waits_since, t.active, 0"
        " FROM runs r LEFT JOIN run_times t ON t.run = r.id WHERE r.id = ?",
        (run_id,),
    )
    return standing(row) if row else None


def standing(row: Row) -> Standing:
    """Where a run stands, from its row."""
    state, created, ended, idle, since, active, troubled = row
    return Standing(
        state,
        moment(created),
        (idle or 0) * _MICROSECOND,
        moment(since) if since else None,
        moment(active or created),
        bool(troubled),
        moment(ended) if ended else None,
    )


def pause(tx: Tx, run_id: str, now: datetime) -> None:
    """Stop the run's clock: a person is asked."""
    tx.execute(
        "INSERT INTO run_times (run, idle, waits_since, active) VALUES (?, 0, ?, ?)"
        " ON CONFLICT (run) DO UPDATE"
        " SET waits_since = COALESCE(run_times.waits_since, excluded.waits_since)",
        (run_id, stamp(now), stamp(now)),
    )


def proceed(tx: Tx, run_id: str, found: Standing, now: datetime, *, longest: float) -> Standing:
    """Let the run's clock go on; what lies between two acts further apart than any act lasts isn't work.

    Args:
        longest: Seconds that one act may take.
    """
    gap = now - found.active
    if found.waits_since is None and gap <= NOTED_EVERY:
        return found
    asleep = gap if found.waits_since is None and gap > timedelta(seconds=longest) + _SLACK else timedelta()
    idle = found.waited(now) + asleep
    tx.execute(
        "INSERT INTO run_times (run, idle, waits_since, active) VALUES (?, ?, NULL, ?)"
        " ON CONFLICT (run) DO UPDATE SET idle = excluded.idle, waits_since = NULL, active = excluded.active",
        (run_id, idle // _MICROSECOND, stamp(now)),
    )
    return Standing(found.state, found.created, idle, None, now, found.troubled)
