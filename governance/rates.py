"""Rates: how often tools, agents, users and tenants may act, counted in one place for all processes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from governance.acts import Act, Seam
from governance.errors import RateLimited
from governance.limits import Rate
from governance.store import Tx

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE_MICROS = 60_000_000
_SECOND_MICROS = 1_000_000


def take(tx: Tx, act: Act, rates: Mapping[str, Rate], now: datetime) -> bool:
    """Take a token from every bucket that the act draws on, or from none.

    A bucket is kept as the moment when it is full again (the generic cell rate algorithm), so that
    it is one number and refills by itself.

    Returns:
        False if the act has to wait for its turn.

    Raises:
        RateLimited: A bucket is empty, and its rate says to refuse.
    """
    elapsed = now - _EPOCH
    time = (elapsed.days * 86_400 + elapsed.seconds) * _SECOND_MICROS + elapsed.microseconds
    full_again: dict[str, int] = {}
    must_wait = False
    for bucket, rate in _drawn_on(act, rates):
        step = _MINUTE_MICROS // rate.per_minute
        row = tx.one("SELECT free_at FROM rates WHERE bucket = ?", (bucket,))
        full_again[bucket] = max(row[0] if row else 0, time) + step
        if full_again[bucket] - time > step * rate.burst:
            if rate.over == "refuse":
                raise RateLimited(bucket, rate.per_minute)
            must_wait = True
    if must_wait:
        return False
    for bucket, moment in full_again.items():
        tx.execute(
            "INSERT INTO rates (bucket, free_at) VALUES (?, ?)"
            " ON CONFLICT (bucket) DO UPDATE SET free_at = excluded.free_at",
            (bucket, moment),
        )
    return True


def _drawn_on(act: Act, rates: Mapping[str, Rate]) -> Iterator[tuple[str, Rate]]:
    if act.seam not in {Seam.MODEL, Seam.TOOL}:
        return
    user = act.actor.run.user
    names = [("agent", act.actor.agent.name), ("user", user.id), ("tenant", user.tenant)]
    if act.seam is Seam.TOOL:
        names.append(("tool", act.action))
    for kind, name in names:
        rate = rates.get(f"{kind}:{name}") or rates.get(f"{kind}:*")
        if rate:
            # A user's name is unique within the tenant only, and one tenant's pace isn't another's.
            yield f"{kind}:{name}" if kind == "tenant" else f"{kind}:{user.tenant}/{name}", rate
