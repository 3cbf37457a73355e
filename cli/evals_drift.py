"""Drift: what the audit log of real runs says since the deploy, and the alarm if it got worse."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.people import As, within
from cli.terminal import Exit, Json, dump, say, styled, typed

if TYPE_CHECKING:
    from cli.session import Session
    from evals.drift import Signal
    from evals.observations import Observed
    from evals.thresholds import Drift

URL = re.compile(r"https?://([^\s/?#@]+@)?(\[[\da-fA-F:.]+\]|[^\s/?#:@\[\]]+)(:\d{1,5})?([/?#]\S*)?")
JUDGE = "tower eval drift --judge"
NO_MODEL = "no language model has the judge's role"
GET_ONE = (
    "set OPENAI_BASE_URL or OPENAI_API_KEY (or TOWER_LOCAL_GGUF), "
    f"run `tower eval calibrate-judge --keep`, then `{JUDGE}`"
)


def _moment(text: str) -> str:
    """A time as the log writes it; UTC unless it says otherwise."""
    from datetime import UTC, datetime

    from governance.clock import stamp, utc_now

    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        msg = f"{text!r} is no time such as 2026-11-21T10:00:00Z"
        raise typer.BadParameter(msg) from error
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    if found > utc_now():
        msg = f"{text} is yet to come, so nothing was observed since"
        raise typer.BadParameter(msg)
    return stamp(found)


def _address(text: str) -> str:
    """Where an alarm can be posted."""
    if not URL.fullmatch(text):
        msg = f"{text!r} is no address such as https://alarms.example/tower"
        raise typer.BadParameter(msg)
    return text


def drift(
    since: Annotated[
        str | None,
        typer.Option(metavar="TIME", parser=_moment, help="When this version was deployed (ISO 8601, UTC)."),
    ] = None,
    canary: Annotated[
        str | None, typer.Option(help="Suite that is run on a schedule as a canary; cases unless set.")
    ] = None,
    judge: Annotated[
        bool, typer.Option("--judge", help="First have the judge label a sample of the runs since then.")
    ] = False,
    webhook: Annotated[
        str | None, typer.Option(metavar="URL", parser=_address, help="Where an alarm is posted, as JSON.")
    ] = None,
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

    async def work(opened: Session) -> int:
        import asyncio
        from dataclasses import asdict

        from evals.drift import check
        from evals.observations import observe

        entries = opened.plane.audit.entries(tenant=opened.user.tenant)  # read as they are asked for
        seen = await asyncio.to_thread(observe, entries, opened.plane.policy.writes)
        off = {"canary": await asyncio.to_thread(_add_canary, seen, canary)}
        start = since or seen.deployed
        asked = await _judged(opened, seen, start, limits) if judge else ""
        off["judge"] = _add_judge(seen)
        signals, off = check(seen, limits, start), {name: why for name, why in off.items() if why}
        alarms = [asdict(s) for s in signals if s.alarm]
        if json:
            found = {"since": start, "signals": [asdict(s) for s in signals], "off": off}
            dump(found | ({"judged": asked} if judge else {}))
        else:
            changed = "" if since or not seen.what else f", when {seen.what} changed"
            say(*[asked] * judge, f"since {start or 'the beginning'}{changed}:")
            _show_signals(signals)
            say(*(styled("  ", ("off", "yellow"), f"    {name}: {typed(why)}") for name, why in off.items()))
        if alarms and webhook:
            await asyncio.to_thread(_post, webhook, {"since": start, "alarms": alarms})
        return Exit.FAILED if alarms else Exit.COMPLETED

    within(work, user, needs="read_audit")


def _add_canary(seen: Observed, named: str | None) -> str:
    """Add what the canary says of what is deployed, or say why there is nothing.

    Raises:
        InvalidInput: The suite that was named has nothing to say.
    """
    from cli.evals_judgement import baselines, cases_of
    from evals.baselines import read_baseline
    from evals.observations import add_canary, of_deployed
    from evals.rows import home, ids, is_whole, read
    from evals.standing import GOAL
    from evals.versions import models
    from governance.errors import InvalidInput

    suite, here = "cases" if named is None else named, models()
    # Cases that somebody picked, to look into what fails, say nothing of all of them.
    wanted = cases_of([suite])
    found = (read(home() / name) for name in ids())
    kept = of_deployed((each for each in found if is_whole(each, wanted)), here)
    scored = [(e.created, [row for row in e.rows if row.suite == suite]) for e in kept]
    accepted = [row for row in read_baseline(baselines()).rows if row.suite == suite]
    add_canary(seen, scored, GOAL, accepted)
    if "canary" in seen.labels:
        return ""
    why = (
        f"no row of {suite!r} that is judged by {GOAL} and comes from this model ({here['worker']}), the "
        f"front door and a run of every case; run `tower eval run --suite {suite} --no-cache`"
    )
    if named is not None:
        raise InvalidInput(why)
    return why


async def _judged(opened: Session, seen: Observed, since: str, limits: Drift) -> str:
    """Have the judge label the sample, and say how that went."""
    from evals.rows import home
    from evals.sample import drawn, put
    from evals.suites import Unjudged, bench
    from governance.control import use_control

    judging = _judging()
    if not judging.able():
        return f"nothing was judged: {NO_MODEL}"
    await bench().prepare(home() / "stage")
    runs, name = drawn(seen.completed, since, limits.judged), judging.ModelJudge().name
    try:
        done = await put(opened.plane, runs, name, judging.judged_apart)
    except Unjudged as error:
        return f"the judge was away, and labelled only a part of {len(runs)} runs: {error}"
    finally:
        use_control(opened.plane)  # the judge's stages had their own
    return f"{done} of {len(runs)} runs of the sample were judged now, by {name}"


def _add_judge(seen: Observed) -> str:
    """Add the labels of the judge that is configured, or say why they don't count."""
    from cli.evals_judgement import baselines
    from evals.calibration import holds
    from evals.sample import labels

    judging = _judging()
    if not judging.able():
        return f"{NO_MODEL}; {GET_ONE}"
    name = judging.ModelJudge().name
    if not holds(baselines(), name):
        return f"{name} isn't calibrated; run `tower eval calibrate-judge --keep`, then `{JUDGE}`"
    known = labels(name)
    mine = sorted((ended, known[run]) for run, ended in seen.completed.items() if run in known)
    if not mine:
        return f"{name} has labelled no run; run `{JUDGE}`"
    seen.labels["judge"] = mine
    return ""


def _judging() -> Any:
    from graphs.domain import domain, load

    return load(f"evals.{domain().name}.judging")


def _simulate(limits: Drift, *, json: bool) -> None:
    from dataclasses import asdict

    from evals.drift import LABELS, level
    from evals.eprocess import simulate

    rate, fallen, alpha = limits.pass_rate, limits.pass_rate - 0.1, level(limits)
    found = simulate(rate, fallen, alpha=alpha, horizon=limits.horizon)
    if json:
        dump(asdict(found) | {"alpha": alpha})
        return
    say(f"{found.streams:,} streams of {found.observations:,} observations that pass at {rate:.0%},")
    say(f"each with the share of one of {len(LABELS)} streams of labels ({', '.join(LABELS)}):")
    say(f"  false alarms in {found.false_alarms:.2%} of them (at most {alpha:.2%} is promised)")
    for drop_at, (delay, missed) in found.delays.items():
        when = f"after {drop_at:,} observations" if drop_at else "with the deploy"
        say(f"a drop to {fallen:.0%} {when}: median delay {delay:.0f} observations, {missed:.1%} missed")


def _post(url: str, body: dict[str, Any]) -> None:
    import httpx

    from governance.errors import TowerError

    try:
        httpx.post(url, json=body, timeout=10.0).raise_for_status()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        msg = f"the alarm couldn't be posted to {url}: {error}"
        raise TowerError(msg) from error


def _show_signals(signals: list[Signal]) -> None:
    for s in signals:
        state = ("ALARM", "bold red") if s.alarm else ("quiet", "green")
        say(styled("  ", state, f"  {s.stream} ({s.test}, n {s.n}): {s.said}"))
    if not signals:
        say("  nothing to observe yet")
