"""Breakers: what fails again and again is left alone until it had time to recover, in every process."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from governance.acts import Act, Seam
from governance.clock import moment, stamp
from governance.errors import BreakerOpen
from governance.limits import BreakerRules
from governance.store import Tx

AGENT = "agent:"


@dataclass(frozen=True, slots=True)
class Breaker:
    """Failures in a row of a model, tool or agent.

    Attributes:
        opened: When it opened, None while it is closed.
        probe: Until when the one attempt that was let through may take, if one is under way.
    """

    name: str
    failures: int
    opened: datetime | None
    probe: datetime | None


def names(act: Act) -> tuple[str, ...]:
    """The breakers that an act passes: those of the model and the agent that asks it, or of the tool."""
    if act.seam is Seam.MODEL:
        facts = act.facts
        return f"model:{facts.get('provider')}/{facts.get('model')}", f"{AGENT}{act.actor.agent.name}"
    return (f"tool:{act.action}",) if act.seam is Seam.TOOL else ()


def check(tx: Tx, wanted: Sequence[str], rules: BreakerRules, now: datetime, lease: timedelta) -> set[str]:
    """Let an act pass, or let it be the one that finds out whether all is well again.

    Args:
        lease: How long a probe may take before another is let through.

    Returns:
        The breakers among `wanted` that count failures.

    Raises:
        BreakerOpen: One of them is open; nothing was changed.
    """
    found = [breaker for breaker in listed(tx, wanted) if breaker.name in wanted]
    for breaker in found:
        until = _closed_until(breaker, rules)
        if until and now < until:
            raise BreakerOpen(breaker.name, stamp(until))
    for breaker in found:
        # An agent asks several times before it is known whether it gives a valid result.
        if breaker.opened and not breaker.name.startswith(AGENT):
            tx.execute("UPDATE breakers SET probe = ? WHERE name = ?", (stamp(now + lease), breaker.name))
    return {breaker.name for breaker in found}


def failed(tx: Tx, name: str, rules: BreakerRules, now: datetime) -> bool:
    """Count a failure; True if this one opened the breaker."""
    if not rules.failures:
        return False
    row = tx.execute(
        "INSERT INTO breakers (name, failures) VALUES (?, 1)"
        " ON CONFLICT (name) DO UPDATE SET failures = breakers.failures + 1, probe = NULL RETURNING failures",
        (name,),
    )[0]
    if row[0] < rules.failures:
        return False
    tx.execute("UPDATE breakers SET opened = ? WHERE name = ?", (stamp(now), name))
    return True


def recovered(tx: Tx, which: Collection[str]) -> list[str]:
    """Forget failures, since it worked; returns those that had been open."""
    gone = [tx.one("DELETE FROM breakers WHERE name = ? RETURNING name, opened", (name,)) for name in which]
    return [row[0] for row in gone if row and row[1]]


def listed(tx: Tx, which: Sequence[str] = ()) -> list[Breaker]:
    """Breakers that count failures, all of them by default."""
    where = f" WHERE name IN ({', '.join('?' * len(which))})" if which else ""
    rows = tx.all(f"SELECT name, failures, opened, probe FROM breakers{where} ORDER BY name", which)
    return [
        Breaker(name, failures, moment(opened) if opened else None, moment(probe) if probe else None)
        for name, failures, opened, probe in rows
    ]


def _closed_until(breaker: Breaker, rules: BreakerRules) -> datetime | None:
    """When the next attempt may be made; None where the breaker isn't open."""
    if breaker.opened is None:
        return None
    recovery = breaker.opened + timedelta(seconds=rules.cool_down)
    return max(recovery, breaker.probe) if breaker.probe else recovery
