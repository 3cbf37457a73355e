"""Evaluations: run the suites, and check the datasets that they read."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli import evals_drift, evals_gate, evals_judgement, evals_people, evals_sabotage, evals_sinks
from cli.terminal import Exit, Json, complain, console, dump, say, styled, tell

if TYPE_CHECKING:
    from evals.rows import Experiment, Row
    from evals.runner import Plan

app = typer.Typer(
    name="eval",
    help="Run the evaluation suites, judge and compare their results.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
data = typer.Typer(name="data", help="The labelled datasets.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(data)
app.command("compare")(evals_judgement.compare)
app.command("gate")(evals_gate.gate)
app.command("report")(evals_judgement.report)
app.command("topology")(evals_judgement.topology)
app.command("review")(evals_people.review)
app.command("calibrate-judge")(evals_people.calibrate_judge)
app.command("drift")(evals_drift.drift)
app.command("sabotage")(evals_sabotage.sabotage)
app.command("upload")(evals_sinks.upload)

Names = list[str] | None


@app.command("run")
def run(  # noqa: PLR0913, PLR0917 - one option each
    layer: Annotated[Names, typer.Option(help="model, component or output; may be repeated.")] = None,
    suite: Annotated[Names, typer.Option(help="A suite's name; may be repeated.")] = None,
    agent: Annotated[Names, typer.Option(help="Only cases of this agent, such as fraud.")] = None,
    split: Annotated[str, typer.Option(help="Only dev, or only held_out.")] = "",
    case: Annotated[Names, typer.Option(help="Only the case of this id; may be repeated.")] = None,
    repeat: Annotated[int, typer.Option(min=1, help="How often each case is run.")] = 1,
    model: Annotated[str, typer.Option(help="offline, local, or a model of the endpoint.")] = "",
    graph: Annotated[str, typer.Option(help="Start the cases of the output layer with this graph.")] = "",
    max_concurrency: Annotated[int, typer.Option(min=1, help="Cases at work at once.")] = 2,
    cache: Annotated[bool, typer.Option(help="Take rows whose code, model and case are the same.")] = True,
    external: Annotated[
        Path | None, typer.Option("--data", help="File of a public set, for a suite that reads one.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Most cases of a public set.")] = None,
    upload: Annotated[bool, typer.Option("--upload", help="Fail unless results go to a sink.")] = False,
    json: Json = False,
) -> None:
    """Run suites; what is known already isn't run again.

    So a broken run goes on where it was.
    """
    from evals.agents import of_agents
    from evals.external import NAMES
    from evals.runner import Plan
    from evals.suites import bench
    from governance.errors import InvalidInput

    # Without this onnxruntime starts as many threads in each process as there are cores.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    public = external or limit or not set(NAMES).isdisjoint(suite or ())
    if public:
        ours = layer or agent or split or case or repeat > 1 or model or graph
        if not external or not suite or len(suite) > 1 or ours:
            msg = f"public sets ({', '.join(NAMES)}) are run with `--suite NAME --data FILE [--limit N]`"
            raise InvalidInput(msg)
        _external(suite[0], external, limit, upload=upload, json=json)
        return
    plan = Plan(
        of_agents(bench().chosen(layer or (), suite or ()), agent or ()),
        repeat=repeat,
        graph=graph,
        model=model,
        max_concurrency=max_concurrency,
        cache=cache,
        split=split,
        cases=tuple(case or ()),
        agents=tuple(agent or ()),
    )
    _run(plan, upload=upload, json=json)


@data.command("verify")
def verify(json: Json = False) -> None:
    """Check the datasets: hashes, counts, splits, duplicates.

    Also names, and near-duplicates.
    """
    from evals.suites import bench

    findings = bench().verify()
    said = findings or ["the datasets are what their index says"]
    tell({"good": not findings, "findings": list(findings)}, *said, json=json)
    raise typer.Exit(Exit.FAILED if findings else Exit.COMPLETED)


def _run(plan: Plan, *, upload: bool, json: bool) -> None:
    from cli.evals_table import told
    from evals.agents import by_agent
    from evals.rows import write
    from evals.runner import evaluate
    from evals.suites import bench
    from evals.summary import summaries

    items = plan.items()
    with _bar(quiet=json) as advance:
        experiment = evaluate(plan, advance)
    folder = write(experiment)
    asked = {(item.suite, item.id): item.asked for item in items}
    sent = evals_sinks.deliver(experiment, asked, required=upload)
    if json:
        found = {f"{name}/{part}": values for (name, part), values in summaries(experiment.rows).items()}
        done = by_agent(experiment.rows, plan.suites)
        agents = {f"{agent}: {suite}": splits for (agent, suite), splits in done.items()}
        about = {"summaries": found, "agents": agents, "sent": sent}
        dump({"id": experiment.id, "folder": str(folder), **about})
    else:
        say(*told(experiment, plan.suites, bench().pending), *sent, styled((str(folder), "dim")))
    _complain(experiment)


def _external(name: str, path: Path, limit: int | None, *, upload: bool, json: bool) -> None:
    """Evaluate a public set that lies at a local path."""
    from evals.external import ABOUT, LIMIT, evaluate
    from evals.rows import write
    from evals.summary import summaries

    with _bar(quiet=json) as advance:
        experiment = evaluate(name, path, limit=limit or LIMIT, notify=advance)
    folder = write(experiment)
    sent = evals_sinks.deliver(experiment, {}, required=upload)
    # Which part of it was read the set itself says; our `held_out` only means that nobody tunes on it.
    found = {suite: values for (suite, _), values in summaries(experiment.rows).items()}
    if json:
        about = {"about": ABOUT[name], "sent": sent}
        dump({"id": experiment.id, "folder": str(folder), "summaries": found, **about})
        return
    lines = [
        f"{where}  {key}  {value:.3f}" for where, values in found.items() for key, value in values.items()
    ]
    title, end = styled((experiment.id, "bold"), f"  {experiment.model}"), styled((str(folder), "dim"))
    say(title, ABOUT[name], f"{len(experiment.rows)} cases", *lines, *sent, end)


def _complain(experiment: Experiment) -> None:
    """Say which cases couldn't be judged: nothing is to be read from such an experiment."""
    if errors := [row for row in experiment.rows if row.error]:
        complain(f"{len(errors)} cases could not be judged, such as {errors[0].case}: {errors[0].error}")
        raise typer.Exit(Exit.FAILED)


@contextmanager
def _bar(*, quiet: bool) -> Iterator[Callable[[Row, int, int], None]]:
    """Show progress on a terminal's stderr; elsewhere nothing."""
    from rich.progress import MofNCompleteColumn, Progress, TimeElapsedColumn

    shown = not quiet and sys.stderr.isatty()
    columns = (*Progress.get_default_columns(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console(error=True), disable=not shown, transient=True) as progress:
        task = progress.add_task("preparing", total=None)

        def advance(row: Row, done: int, total: int) -> None:
            progress.update(task, completed=done, total=total, description=row.suite)

        yield advance
