"""Judgement: what the results of an evaluation are worth; where baselines lie."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.people import As
from cli.terminal import Exit, Json, dump, finish, say, styled

if TYPE_CHECKING:
    from rich.table import Table

    from evals.gate import Verdict
    from evals.rows import Experiment
    from evals.standing import Standing

Which = Annotated[
    str | None,
    typer.Argument(metavar="[EXPERIMENT]", help="Its id, or the start of it; the newest unless set."),
]


def register(app: typer.Typer) -> None:
    """Add these commands to `tower eval`."""
    from cli import evals_drift, evals_gate, evals_people, evals_sabotage

    app.command("compare")(compare)
    app.command("gate")(evals_gate.gate)
    app.command("report")(report)
    app.command("topology")(topology)
    app.command("review")(evals_people.review)
    app.command("calibrate-judge")(evals_people.calibrate_judge)
    app.command("drift")(evals_drift.drift)
    app.command("sabotage")(evals_sabotage.sabotage)


def compare(first: str, second: str, json: Json = False) -> None:
    """Compare two experiments, case by case, metric by metric."""
    from dataclasses import asdict

    from evals.compare import compare as changes_of
    from evals.compare import differences
    from evals.rows import read
    from evals.thresholds import read_thresholds

    one, two = read(first), read(second)
    changes, besides = changes_of(one, two, read_thresholds()), differences(one, two)
    if json:
        dump({"changes": [asdict(c) for c in changes], "besides": besides})
        return
    table = table_of(
        "suite", "metric", ">n", f">{one.id}", f">{two.id}", ">change", "bounds", ">p", ">up", ">down"
    )
    for c in changes:
        style = "red" if c.p < 0.05 and c.change.mean < 0 else ""  # noqa: PLR2004
        bounds = f"{c.change.lower:+.3f} to {c.change.upper:+.3f}"
        table.add_row(
            c.suite, c.name, str(c.n), f"{c.first:.3f}", f"{c.second:.3f}", f"{c.change.mean:+.3f}",
            bounds, f"{c.p:.2g}", str(len(c.up)), str(len(c.down)), style=style,
        )  # fmt: skip
    say(table, *(styled((line, "dim")) for line in besides or ["nothing else differs"]))


def report(
    experiment: Which = None,
    out: Annotated[Path | None, typer.Option(help="File to write; beside the results by default.")] = None,
) -> None:
    """Write one HTML page with verdict, charts and failures.

    Every failure is shown down to its trace.
    """
    from evals.feedback import jobs_of
    from evals.report import Contents, page
    from evals.rows import home
    from evals.signoff import signed
    from evals.standing import standings
    from evals.suites import bench
    from evals.thresholds import read_thresholds
    from evals.traces import kept

    found = experiment_of(experiment)
    verdict = judged(found, [])
    contents = Contents(
        found,
        verdict,
        signed(verdict, baselines()),
        read_thresholds(),
        standings(found.rows, _ladder(), jobs_of(found.rows)),
        kept(),
        {(suite.name, item.id): item.asked for suite in bench().suites for item in suite.cases()},
    )
    path = out or home() / found.id / "report.html"
    path.write_text(page(contents), encoding="utf-8")
    say(f"{path}")


def topology(
    experiment: Annotated[
        list[str] | None,
        typer.Argument(metavar="[EXPERIMENT]...", help="One for each pattern (`run --graph`); the newest."),
    ] = None,
    feed: Annotated[
        bool, typer.Option("--feed", help="Let the front door learn from these results.")
    ] = False,
    user: As = None,
    json: Json = False,
) -> None:
    """Show what each pattern achieves and costs.

    On each class of task, and which isn't worth it.
    """

    async def work() -> int:
        from cli.evals_gate import answering
        from evals.feedback import feed as record
        from evals.feedback import jobs_of
        from evals.standing import not_worth_it, standings

        found = [experiment_of(each) for each in experiment or [""]]
        rows = [row for e in found for row in e.rows]
        made = standings(rows, _ladder(), jobs_of(rows))
        if feed:
            async with answering(user) as opened:
                count = await record(opened.plane, opened.user, found)
            say(f"{count} results are among the front door's records now")
        if json:
            dump({"standings": [_plain(s) for s in made], "not_worth_it": not_worth_it(made)})
            return Exit.COMPLETED
        table = table_of("class of task", "pattern", ">n", ">solved", ">tokens", ">seconds", "what to know")
        for s in made:
            numbers = (str(s.n), f"{s.quality:.3f}", f"{s.tokens:,.0f}", f"{s.seconds:.2f}")
            table.add_row(s.job, s.pattern, *numbers, s.said)
        say(table, *(styled((line, "yellow")) for line in not_worth_it(made)))
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
    from evals.calibration import kept
    from evals.gate import decide
    from evals.thresholds import read_thresholds
    from evals.versions import changed

    limits = read_thresholds()
    known = kept(baselines())
    calibrated = known is not None and known.may_block and known.judge == judge_name()
    return decide(
        experiment,
        read_baseline(baselines()),
        limits.only(suites) if suites else limits,
        judge_calibrated=calibrated,
        stale=changed(experiment),
    )


def judge_name() -> str:
    """The judge that is configured now; another one's calibration says nothing of it."""
    from graphs.domain import domain, load

    return str(load(f"evals.{domain().name}.judging", "ModelJudge")().name)


def experiment_of(name: str | None, suites: Collection[str] = ()) -> Experiment:
    """The experiment of this name, or the newest that has these suites."""
    from evals.rows import latest, read

    return read(name) if name else latest(suites)


def table_of(*columns: str) -> Table:
    """A table with these columns; those that start with > are numbers."""
    from rich.table import Table

    table = Table(box=None, header_style="dim", pad_edge=False)
    for name in columns:
        table.add_column(name.removeprefix(">"), justify="right" if name.startswith(">") else "left")
    return table


def _ladder() -> list[str]:
    from graphs.domain import domain

    return list(domain().graphs)


def _plain(standing: Standing) -> dict[str, Any]:
    from dataclasses import asdict

    return {name: value for name, value in asdict(standing).items() if name != "cases"}
