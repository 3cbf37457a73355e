"""Compare: two experiments, case by case, for every metric that both have."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from evals.baselines import read_baseline
from evals.rows import Experiment, Row, read
from evals.statistics import SAME, Interval, bootstrap, holm, mcnemar
from evals.summary import scores_of
from evals.thresholds import Metric, Thresholds
from governance.errors import InvalidInput

BASELINE = "baseline"
"""The name by which what was accepted is compared."""


@dataclass(frozen=True, slots=True)
class Change:
    """How one metric of one suite changed from the first experiment to the second.

    Attributes:
        n: Cases that both have.
        change: Second less first.
        p: Exact McNemar, adjusted by Holm over all metrics that are listed.
        up, down: Cases whose score rose or fell.
    """

    suite: str
    name: str
    n: int
    first: float
    second: float
    change: Interval
    p: float
    up: tuple[str, ...]
    down: tuple[str, ...]


def named(name: str, folder: Path) -> Experiment:
    """The experiment of this name or, for `baseline`, what was accepted, suite by suite.

    Args:
        folder: Of the accepted baselines.

    Raises:
        InvalidInput: There is no such experiment, or nothing was accepted yet.
    """
    if not name.strip():
        msg = f"an experiment is named by its id, or the start of it, or `{BASELINE}`; this name is empty"
        raise InvalidInput(msg)
    if name != BASELINE:
        return read(name)
    accepted = read_baseline(folder)
    if not accepted.sources:
        msg = f"{folder} holds no baseline yet; `tower eval gate --accept REASON --as NAME` makes one"
        raise InvalidInput(msg)
    created, sha, policy, model = (
        ", ".join(sorted({getattr(source, field) for source in accepted.sources.values()}))
        for field in ("created", "git_sha", "policy", "model")
    )
    datasets = {suite: source.dataset for suite, source in accepted.sources.items()}
    return Experiment(BASELINE, created, sha, datasets, policy, model, {}, accepted.rows)


def compare(first: Experiment, second: Experiment, limits: Thresholds) -> list[Change]:
    """Compare every metric that both experiments have, suite by suite."""
    names = sorted(_metrics(first.rows) & _metrics(second.rows))
    changes = [
        change for suite, name in names if (change := _change(Metric(suite, name), first, second, limits))
    ]
    adjusted = holm({f"{c.suite}/{c.name}": c.p for c in changes})
    return [replace(c, p=adjusted[f"{c.suite}/{c.name}"]) for c in changes]


def differences(first: Experiment, second: Experiment) -> list[str]:
    """What else differs between two experiments, in words."""
    a, b = first, second
    pairs: dict[str, tuple[str | None, str | None]] = {
        "code": (a.git_sha, b.git_sha), "model": (a.model, b.model), "policy": (a.policy, b.policy)
    }  # fmt: skip
    for suite in sorted(a.datasets.keys() & b.datasets.keys()):
        pairs[f"cases of {suite}"] = a.datasets[suite], b.datasets[suite]
    # A baseline has none.
    for name in sorted({*a.versions, *b.versions}) if a.versions and b.versions else ():
        pairs[name] = a.versions.get(name), b.versions.get(name)
    return [f"{k}: {(x or 'none')[:12]} → {(y or 'none')[:12]}" for k, (x, y) in pairs.items() if x != y]


def _metrics(rows: Iterable[Row]) -> set[tuple[str, str]]:
    return {(row.suite, name) for row in rows for name in row.scores}


def _change(metric: Metric, first: Experiment, second: Experiment, limits: Thresholds) -> Change | None:
    one, two = (scores_of((r for r in e.rows if r.suite == metric.suite), metric) for e in (first, second))
    both = sorted(one.keys() & two.keys())
    if not both:
        return None
    gaps = {case: round(two[case] - one[case], 5) for case in both}  # baselines keep six digits
    return Change(
        metric.suite,
        metric.name,
        len(both),
        sum(one[case] for case in both) / len(both),
        sum(two[case] for case in both) / len(both),
        bootstrap(list(gaps.values()), confidence=limits.confidence, resamples=limits.resamples),
        mcnemar(list(gaps.values())),
        tuple(case for case, gap in gaps.items() if gap > SAME),
        tuple(case for case, gap in gaps.items() if gap < -SAME),
    )
