"""Judgement: what the results of an evaluation are worth; where baselines lie."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.people import As
from cli.terminal import Exit, Json, dump, finish, say, styled, table_of

if TYPE_CHECKING:
    from evals.rows import Experiment
    from evals.standing import Standing
    from evals.verdict import Verdict

Which = Annotated[
    str | None,
    typer.Argument(metavar="[EXPERIMENT]", help="Its id, or the start of it; else the newest that fits."),
]

SHOWN = 20
"""Cases whose score fell, for each metric; --json names all."""


def compare(
    first: Annotated[str, typer.Argument(help="An experiment, or `baseline` for what was accepted.")],
    second: Annotated[str, typer.Argument(help="Another.")],
    json: Json = False,
) -> None:
    """Compare two experiments, case by case, metric by metric."""
    from dataclasses import asdict
    from itertools import groupby

    from evals.compare import compare as changes_of
    from evals.compare import differences, named
    from evals.thresholds import read_thresholds

    one, two = (named(each, baselines()) for each in (first, second))
    changes, besides = changes_of(one, two, read_thresholds()), differences(one, two)
    if json:
        dump({"changes": [asdict(c) for c in changes], "besides": besides})
        return
    table = table_of("metric", ">n", ">A", ">B", ">change", ">from", ">to", ">p", ">up", ">down")
    for suite, mine in groupby(changes, key=lambda c: c.suite):
        table.add_row(styled((suite, "bold")))
        for c in mine:
            style = "red" if c.p < 0.05 and c.change.mean < 0 else ""  # noqa: PLR2004
            means = (f"{c.first:.3f}", f"{c.second:.3f}")
            bounds = (f"{each:+.3f}" for each in (c.change.mean, c.change.lower, c.change.upper))
            counts = (str(len(c.up)), str(len(c.down)))
            table.add_row(c.name, str(c.n), *means, *bounds, f"{c.p:.2g}", *counts, style=style)
    say(*(styled((name, "bold"), f"  {e.id}  {e.model}") for name, e in (("A", one), ("B", two))), "")
    fell = [
        f"down in {c.suite}/{c.name}: {', '.join(c.down[:SHOWN])}{', …' * (len(c.down) > SHOWN)}"
        for c in changes
        if c.down
    ]
    say(table, *fell, *(styled((line, "dim")) for line in besides or ["nothing else differs"]))


def report(
    experiment: Which = None,
    out: Annotated[Path | None, typer.Option(help="File to write; beside the results by default.")] = None,
) -> None:
    """Write one HTML page with verdict, charts and failures.

    Every failure is shown down to its trace.
    """
    from evals.feedback import by_models, jobs_of
    from evals.report import Contents, page
    from evals.rows import home
    from evals.signoff import signed
    from evals.standing import standings
    from evals.suites import bench
    from evals.thresholds import read_thresholds
    from evals.traces import kept
    from governance.errors import InvalidInput

    found = release_of(experiment)
    verdict = judged(found, [])
    contents = Contents(
        found,
        verdict,
        signed(verdict, baselines()),
        read_thresholds(),
        standings(played := by_models(found.rows), _ladder(), jobs_of(played)),
        kept(),
        bench().asked({row.suite for row in found.rows}),
    )
    path = out or home() / found.id / "report.html"
    try:
        path.write_text(page(contents), encoding="utf-8")
    except OSError as error:
        msg = f"the page can't be written to {path} ({error.strerror}); name a file in a folder that is there"
        raise InvalidInput(msg) from error
    say(f"{path}")


def topology(
    experiment: Annotated[
        list[str] | None,
        typer.Argument(metavar="[EXPERIMENT]...", help="One for each pattern (`run --graph`); the newest."),
    ] = None,
    feed: Annotated[
        bool, typer.Option("--feed", help="Let the front door learn from those on dev cases.")
    ] = False,
    user: As = None,
    json: Json = False,
) -> None:
    """Show what each pattern achieves and costs.

    On each class of task, and which isn't worth it.
    """

    async def work() -> int:
        from cli.evals_gate import ANSWERS
        from cli.session import session
        from evals.feedback import by_models, jobs_of
        from evals.feedback import feed as record
        from evals.standing import UNKNOWN, not_worth_it, standings

        found = [release_of(each) for each in experiment or [""]]
        rows = by_models(row for e in found for row in e.rows)
        made = standings(rows, _ladder(), jobs_of(rows))
        if feed:
            async with session(user, needs=ANSWERS) as opened:
                count = await record(opened.plane, opened.user, found)
            say(f"{count} results are among the front door's records now; held-out cases are left out")
        if json:
            dump({"standings": [_plain(s) for s in made], "not_worth_it": not_worth_it(made)})
            return Exit.COMPLETED
        table = table_of("class of task", "pattern", ">n", ">solved", ">tokens", ">seconds", "what to know")
        for s in made:
            numbers = (str(s.n), f"{s.quality:.3f}", f"{s.tokens:,.0f}", f"{s.seconds:.2f}")
            table.add_row(s.job, s.pattern, *numbers, s.said)
        say(table, *(styled((line, "yellow")) for line in not_worth_it(made)))
        if any(s.job == UNKNOWN for s in made):
            say(f"{UNKNOWN}: no kept run got to a choice; `tower eval run --suite cases` tries each case")
        return Exit.COMPLETED

    finish(work())


def baselines() -> Path:
    """Where the application's baselines, sign-offs and the judge's calibration lie."""
    import evals
    from graphs.domain import domain

    return Path(evals.__file__).parent / domain().name / "baselines"


def judged(experiment: Experiment, suites: list[str]) -> Verdict:
    """The gate's verdict, by the files that are versioned beside the code."""
    from evals.baselines import read_baseline
    from evals.calibration import holds
    from evals.gate import decide
    from evals.thresholds import read_thresholds
    from evals.versions import changed

    limits = read_thresholds()
    if suites:
        mine = tuple(row for row in experiment.rows if row.suite in suites)
        experiment, limits = replace(experiment, rows=mine), limits.only(suites)
    return decide(
        experiment,
        read_baseline(baselines()),
        limits,
        judge_calibrated=holds(baselines(), judge_name()),
        stale=changed(experiment),
    )


def judge_name() -> str:
    """The judge that is configured now; another one's calibration says nothing of it. Empty without one."""
    from governance.errors import InvalidInput
    from graphs.domain import domain, load

    try:
        return str(load(f"evals.{domain().name}.judging", "ModelJudge")().name)
    except InvalidInput:  # an application needs none
        return ""


def experiment_of(name: str | None) -> Experiment:
    """The experiment of this name, or the newest."""
    from evals.rows import latest, read

    return read(name) if name else latest()


def release_of(name: str | None, suites: Collection[str] = ()) -> Experiment:
    """The experiment of this name, or the newest that has every case of these suites.

    Args:
        suites: All of which something is demanded, unless given.
    """
    from evals.rows import latest, read
    from evals.thresholds import read_thresholds

    return read(name) if name else latest(cases_of(suites or read_thresholds().suites()))


def cases_of(suites: Collection[str]) -> dict[str, set[str]]:
    """Suite → ids of its cases, as the datasets are."""
    from evals.suites import bench

    return {s.name: {item.id for item in s.cases()} for s in bench().chosen(names=sorted(suites))}


def _ladder() -> list[str]:
    from graphs.domain import domain

    return list(domain().graphs)


def _plain(standing: Standing) -> dict[str, Any]:
    from dataclasses import asdict

    return {name: value for name, value in asdict(standing).items() if name != "cases"}
