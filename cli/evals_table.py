"""Tables of an experiment for a person: each metric, dev and held out apart, its baselines beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import Group

from cli.terminal import styled, table_of
from evals.agents import by_agent
from evals.recommendation import COLUMNS, recommendations
from evals.rows import aggregate, by_suite, count
from evals.summary import BESIDE, summaries

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from evals.agents import Done
    from evals.rows import Experiment, Row
    from evals.suites import Suite

BASELINES = ("null", "keyword", "constant", "escalate", "majority")
"""What stands beside a score, in this order."""

SPLITS = ("dev", "held_out")


def told(experiment: Experiment, suites: Sequence[Suite], pending: Mapping[str, str]) -> list[RenderableType]:
    """Everything that there is to say about an experiment."""
    heading = styled(
        (experiment.id, "bold"),
        f"  model {experiment.model}, policy {experiment.policy[:12]}, commit {experiment.git_sha[:12]}",
    )
    parts: list[RenderableType] = [heading]
    if experiment.model.startswith("offline/"):
        said = "The offline model is no language model: this says how the system does with it."
        parts.append(styled((said, "dim")))
    found = summaries(experiment.rows)
    rows = by_suite(experiment.rows)
    parts += [_table(suite, found, rows[suite.name]) for suite in suites]
    if done := by_agent(experiment.rows, suites):
        parts.append(_agents(done, suites))
    if any(suite.layer == "model" for suite in suites):
        parts.append(_recommended(experiment))
    parts += [styled(("pending", "yellow"), f" {name}: {why}") for name, why in pending.items()]
    return parts


def _table(
    suite: Suite, found: Mapping[tuple[str, str], Mapping[str, float]], rows: Sequence[Row]
) -> RenderableType:
    note = f" ({suite.labelled})" if suite.labelled else ""
    parts = [(split, mine) for split in SPLITS if (mine := [r for r in rows if r.split == split])]
    columns = [name for split, mine in parts for name in (f">{split} (n={count(mine)})", "beside it")]
    table = table_of("metric", *columns)
    values = [(found[suite.name, split], mine) for split, mine in parts]
    for name in sorted({name for each, _ in values for name in each if BESIDE not in name}):
        cells = [cell for each, mine in values for cell in (_number(each, name, mine), _beside(each, name))]
        table.add_row(name, *cells)
    return _titled(f"{suite.name}: {suite.about}{note}", table)


def _number(values: Mapping[str, float], name: str, rows: Sequence[Row]) -> str:
    """A metric, with the number of its cases where that isn't all of them."""
    n = aggregate(rows, name)[1]
    few = f"n={n}  " if 0 < n < count(rows) else ""
    return f"{few}{values[name]:.3f}" if name in values else ""


def _beside(values: Mapping[str, float], name: str) -> str:
    pairs = [(each, f"{name}{BESIDE}{each}") for each in BASELINES]
    return ", ".join(f"{each} {values[key]:.2f}" for each, key in pairs if key in values)


def _agents(done: Done, suites: Sequence[Suite]) -> RenderableType:
    table = table_of("agent", "metric", *(f">{split}" for split in SPLITS))
    metric = {suite.name: suite.metrics[0] for suite in suites}
    for (agent, suite), splits in done.items():
        cells = [f"{splits[s][0]:.3f} (n={splits[s][1]})" if s in splits else "" for s in SPLITS]
        table.add_row(agent, metric[suite], *cells)
    return _titled("each agent by itself", table)


def _recommended(experiment: Experiment) -> RenderableType:
    words = ("role", "model", "verdict")
    columns = (name if name in words else f">{name}" for name in COLUMNS)
    table = table_of(*columns)
    for role, rows, *others in recommendations(experiment):
        # The suite is the role's.
        table.add_row(role, rows.partition(" ")[0], *others)
    return _titled("which model for which role", table)


def _titled(title: str, table: Table) -> RenderableType:
    return Group("", styled((title, "italic")), table)
