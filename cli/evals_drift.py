"""Drift: what the audit log of real runs says since the deploy, and the alarm if it got worse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.people import As
from cli.terminal import Exit, Json, dump, finish, say, styled

if TYPE_CHECKING:
    from evals.drift import Signal
    from evals.observations import Observed
    from evals.thresholds import Drift


def drift(
    since: Annotated[
        str, typer.Option(metavar="TIME", help="When this version was deployed (ISO 8601, UTC).")
    ] = "",
    canary: Annotated[str, typer.Option(help="Suite that is run on a schedule as a canary.")] = "cases",
    webhook: Annotated[str, typer.Option(metavar="URL", help="Where an alarm is posted, as JSON.")] = "",
    simulate: Annotated[
        bool, typer.Option("--simulate", help="Show on made-up streams how good the monitor is.")
    ] = False,
    user: As = None,
    json: Json = False,
) -> None:
    """Look for drift in the audit log of real runs.

    Exits with 1 on an alarm. Takes an auditor's key.
    """
    from evals.thresholds import read_thresholds

    limits = read_thresholds().drift
    if simulate:
        _simulate(limits, json=json)
        return

    async def work() -> int:
        import asyncio
        from dataclasses import asdict

        from evals.drift import check

        seen = await _observed(user, canary)
        signals = check(seen, limits, since)
        alarms = [asdict(s) for s in signals if s.alarm]
        if json:
            dump({"since": since or seen.deployed, "signals": [asdict(s) for s in signals]})
        else:
            _show_signals(signals, since or seen.deployed)
        if alarms and webhook:
            await asyncio.to_thread(_post, webhook, {"since": since or seen.deployed, "alarms": alarms})
        return Exit.FAILED if alarms else Exit.COMPLETED

    finish(work())


async def _observed(user: str | None, canary: str) -> Observed:
    import asyncio

    from cli.evals_judgement import baselines
    from cli.session import session
    from evals.baselines import read_baseline
    from evals.observations import add_canary, observe
    from evals.rows import home, ids, read
    from evals.standing import GOAL

    async with session(user) as opened:
        tenant = opened.user.tenant
        await opened.plane.permit(opened.user, "read_audit", tenant=tenant, owner="")
        plane = opened.plane

        def fold() -> Observed:
            seen = observe(plane.audit.entries(tenant=tenant), plane.policy.writes)
            kept = [e for e in (read(home() / name) for name in ids()) if "graph" not in e.versions]
            scored = [(e.created, [row for row in e.rows if row.suite == canary]) for e in kept]
            accepted = [row for row in read_baseline(baselines()).rows if row.suite == canary]
            add_canary(seen, scored, GOAL, accepted)
            return seen

        return await asyncio.to_thread(fold)


def _simulate(limits: Drift, *, json: bool) -> None:
    from dataclasses import asdict

    from evals.eprocess import simulate

    rate, fallen = limits.pass_rate, limits.pass_rate - 0.1
    found = simulate(rate, fallen, alpha=limits.alpha / 2, horizon=limits.horizon)
    if json:
        dump(asdict(found))
        return
    say(f"{found.streams:,} streams of {found.observations:,} observations that pass at {rate:.0%}:")
    say(f"  false alarms in {found.false_alarms:.1%} of them (at most {limits.alpha / 2:.1%} is promised)")
    for drop_at, (delay, missed) in found.delays.items():
        when = f"after {drop_at:,} observations" if drop_at else "with the deploy"
        say(f"a drop to {fallen:.0%} {when}: median delay {delay:.0f} observations, {missed:.1%} missed")


def _post(url: str, body: dict[str, Any]) -> None:
    import httpx

    from governance.errors import TowerError

    try:
        httpx.post(url, json=body, timeout=10.0).raise_for_status()
    except httpx.HTTPError as error:
        msg = f"the alarm couldn't be posted to {url}: {error}"
        raise TowerError(msg) from error


def _show_signals(signals: list[Signal], since: str) -> None:
    say(f"since {since or 'the beginning'}:")
    for s in signals:
        state = ("ALARM", "bold red") if s.alarm else ("quiet", "green")
        say(styled("  ", state, f"  {s.stream} ({s.test}, n {s.n}): {s.said}"))
    if not signals:
        say("  nothing to observe yet")
