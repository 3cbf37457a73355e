"""Compare: two experiments, case by case, for every metric that both have."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from evals.rows import Experiment, Row
from evals.statistics import SAME, Interval, bootstrap, holm, mcnemar
from evals.summary import scores_of
from evals.thresholds import Metric, Thresholds


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
    for suite in sorted({*a.datasets, *b.datasets}):
        pairs[f"cases of {suite}"] = a.datasets.get(suite), b.datasets.get(suite)
    for name in sorted({*a.versions, *b.versions}):
        pairs[name] = a.versions.get(name), b.versions.get(name)
    return [f"{what}: {_short(x)} → {_short(y)}" for what, (x, y) in pairs.items() if x != y]


def _metrics(rows: Iterable[Row]) -> set[tuple[str, str]]:
    return {(row.suite, name) for row in rows for name in row.scores}


def _change(metric: Metric, first: Experiment, second: Experiment, limits: Thresholds) -> Change | None:
    one, two = (scores_of((r for r in e.rows if r.suite == metric.suite), metric) for e in (first, second))
    both = sorted(one.keys() & two.keys())
    if not both:
        return None
    gaps = {case: two[case] - one[case] for case in both}
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


def _short(version: str | None) -> str:
    return (version or "none")[:12]
