"""Where people come in: review of cases, calibration of judges, and the drift monitor's alarm."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.people import As
from cli.terminal import Exit, Json, dump, finish, say, styled

if TYPE_CHECKING:
    from evals.calibration import Calibration
    from evals.drift import Signal
    from evals.observations import Observed
    from evals.review import Question
    from evals.thresholds import Drift


def review(
    experiment: Annotated[str | None, typer.Argument(metavar="[EXPERIMENT]")] = None,
    agreement: Annotated[bool, typer.Option("--agreement", help="Only show who agrees with whom.")] = False,
    user: As = None,
) -> None:
    """Walk through what is undecided or disputed.

    Answers are y, n, s (skip) or q (quit).
    """

    async def work() -> int:
        import asyncio

        from cli.evals_judgement import experiment_of, judged
        from cli.session import session
        from evals.review import Label, keep, labels, questions
        from evals.rows import home

        async with session(user) as opened:
            who, at = opened.user.id, opened.plane.clock().isoformat(timespec="seconds")
        if not agreement:
            found = experiment_of(experiment)
            open_ = questions(found, judged(found, []))
            say(f"{len(open_)} to look at, as {who}")
            for number, question in enumerate(open_, 1):
                _show_question(question, f"{number} of {len(open_)}")
                answer = await asyncio.to_thread(typer.prompt, "Is it right? [y/n/s/q]", default="s")
                if answer == "q":
                    break
                if answer not in ("y", "n"):
                    continue
                note = await asyncio.to_thread(typer.prompt, "Why (may be empty)", default="")
                row = question.row
                label = Label(
                    found.id, row.suite, row.case, row.repetition, question.metric,
                    passed=answer == "y", automatic=question.passed, by=who, note=note, at=at,
                )  # fmt: skip
                keep(label, home())
        _show_agreement(labels(home()))
        return Exit.COMPLETED

    finish(work())


def calibrate_judge(
    keep: Annotated[bool, typer.Option("--keep", help="Write it where the gate looks for it.")] = False,
    split: Annotated[str, typer.Option(help="dev, held_out, or all labelled pairs.")] = "all",
    rule: Annotated[
        bool, typer.Option("--rule", help="The rule without a model, which a judge has to beat.")
    ] = False,
    json: Json = False,
) -> None:
    """Hold the judge against people's labels.

    Only one that reaches gate.toml's demands may block.
    """

    async def work() -> int:
        from dataclasses import asdict

        from cli.evals_judgement import baselines
        from evals.calibration import Judge, calibrate
        from evals.calibration import keep as write
        from evals.rows import home
        from evals.rule_judge import RuleJudge
        from evals.suites import bench
        from evals.thresholds import read_thresholds
        from graphs.domain import domain, load

        judging: Any = load(f"evals.{domain().name}.judging")
        pairs, dataset = judging.pairs(split)
        if not rule:
            await bench().prepare(home() / "stage")
        judge: Judge = RuleJudge() if rule else judging.ModelJudge()
        found = await calibrate(judge, pairs, dataset, read_thresholds().judge)
        if keep and not rule:
            write(found, baselines())
        if json:
            dump(asdict(found) | {"may_block": found.may_block})
        else:
            _show_calibration(found)
        return Exit.COMPLETED if found.may_block else Exit.FAILED

    finish(work())


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


def _show_question(question: Question, place: str) -> None:
    row = question.row
    why = (f"{place}: {question.why}", "dim")
    title = styled((f"{row.suite} {row.case}", "bold"), f"  {question.metric}  ", why)
    say("", title, f"expected  {row.expected}", f"got       {row.got}")


def _show_agreement(given: Any) -> None:
    from evals.review import agreement

    found = agreement(given)
    for (one, two), (kappa, n) in found.items():
        say(f"{one} and {two}: kappa {kappa:.2f} on {n}")
    if not found:
        say("nobody has labelled anything yet")


def _show_calibration(found: Calibration) -> None:
    say(f"{found.judge} on {found.pairs} labelled pairs")
    for name, agreed in found.criteria.items():
        numbers = f"kappa {agreed.kappa:.2f}, balanced accuracy {agreed.balanced_accuracy:.2f}, n {agreed.n}"
        say(f"  {name}: {numbers}")
    say(f"  keeps its preference when the answers swap: {found.consistency:.2f}")
    say(f"  prefers what comes first: {found.first:.2f} of its preferences")
    say("it may block a release" if found.may_block else "it may not block a release:")
    for reason in found.reasons:
        say(f"  {reason}")


def _show_signals(signals: list[Signal], since: str) -> None:
    say(f"since {since or 'the beginning'}:")
    for s in signals:
        state = ("ALARM", "bold red") if s.alarm else ("quiet", "green")
        say(styled("  ", state, f"  {s.stream} ({s.test}, n {s.n}): {s.said}"))
    if not signals:
        say("  nothing to observe yet")
