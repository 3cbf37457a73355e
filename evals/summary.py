"""Summary: what the rows of a suite amount to, dev and held out apart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby

import numpy as np

from evals.rows import Row, aggregate
from evals.thresholds import Metric

LESS_IS_BETTER = (
    "unauthorised_writes", "injection_success", "pii_leakage", "forbidden_calls", "forbidden_verdicts",
    "tool_call_error_rate", "contradiction_rate", "conflict_rate", "escalation_rate", "manual_touch_points",
)  # fmt: skip
"""Metrics of which 0 is the good end."""

BESIDE = "__"
"""Between a metric and what stands beside it, such as `goal_success_rate__null`."""


def summaries(rows: Sequence[Row]) -> dict[tuple[str, str], dict[str, float]]:
    """Suite and split → metric → value: means of scores, and what only all rows together say.

    Besides means: `out_of_scope_auroc_ref` and `unanswerable_auroc_ref`, `latency_seconds_p50` and
    `_p95`, `pass_hat_k` over repetitions, `cost_micros` and `tokens` of a case and per solved task.
    """

    def place(row: Row) -> tuple[str, str]:
        return row.suite, row.split

    groups = groupby(sorted(rows, key=place), key=place)
    return {key: summary(list(mine)) for key, mine in groups}


def summary(rows: Sequence[Row]) -> dict[str, float]:
    """What some rows of one suite amount to."""
    names = sorted({name for row in rows for name in row.scores})
    found = {name: aggregate(rows, name)[0] for name in names if not _is_score(name)}
    found |= _detection(rows) | _spent(rows)
    if any(row.repetition for row in rows):
        found |= _pass_hat(rows)
    return found


def scores_of(rows: Iterable[Row], metric: Metric) -> dict[str, float]:
    """A metric's mean over repetitions by case; a row with an error has the worst score there is."""
    found = defaultdict[str, list[float]](list)
    for row in rows:
        if metric.split in {None, row.split}:
            if row.error:
                found[row.case].append(0.0 if metric.better == "higher" else 1.0)
            elif metric.name in row.scores:
                found[row.case].append(row.scores[metric.name])
    return {case: sum(values) / len(values) for case, values in found.items()}


def auroc(positive: Sequence[float], negative: Sequence[float]) -> float:
    """Chance that a positive scores higher than a negative, ties counting half; 0.5 without either."""
    if not positive or not negative:
        return 0.5
    difference = np.subtract.outer(np.asarray(positive), np.asarray(negative))
    return float(((difference > 0) + 0.5 * (difference == 0)).mean())


def _is_score(name: str) -> bool:
    return name.partition(BESIDE)[0] in DETECTORS


DETECTORS: Mapping[str, tuple[str, Callable[[Row], bool]]] = {
    "out_of_scope_score": ("out_of_scope_auroc_ref", lambda row: "out_of_scope" in row.tags),
    "unanswerable_score": ("unanswerable_auroc_ref", lambda row: "unanswerable" in row.tags),
}
"""Scores of which only the order counts → the metric, and which rows are positive."""


def _detection(rows: Sequence[Row]) -> dict[str, float]:
    found = {}
    for name in sorted({name for row in rows for name in row.scores if _is_score(name)}):
        base, _, beside = name.partition(BESIDE)
        metric, positive = DETECTORS[base]
        scored = [row for row in rows if name in row.scores]
        value = auroc(
            [row.scores[name] for row in scored if positive(row)],
            [row.scores[name] for row in scored if not positive(row)],
        )
        found[f"{metric}{BESIDE}{beside}" if beside else metric] = value
    return found


def _spent(rows: Sequence[Row]) -> dict[str, float]:
    seconds = [row.seconds for row in rows]
    found = {
        "latency_seconds_p50": float(np.quantile(seconds, 0.5)),
        "latency_seconds_p95": float(np.quantile(seconds, 0.95)),
        "tokens": sum(row.tokens for row in rows) / len(rows),
        "cost_micros": sum(row.micros for row in rows) / len(rows),
    }
    solved = sum(row.scores.get("goal_success_rate", 0.0) for row in rows)
    if solved:
        found |= {
            "seconds_per_solved_task": sum(seconds) / solved,
            "tokens_per_solved_task": sum(row.tokens for row in rows) / solved,
            "cost_micros_per_solved_task": sum(row.micros for row in rows) / solved,
        }
    return found


def _pass_hat(rows: Sequence[Row]) -> dict[str, float]:
    """Share of the cases that are right in every repetition, for each metric that says whether one is."""
    found = {}
    for name in sorted({name for row in rows for name in row.scores if BESIDE not in name}):
        cases: dict[str, list[float]] = {}
        for row in rows:
            if name in row.scores:
                cases.setdefault(row.case, []).append(row.scores[name])
        if all(value in (0.0, 1.0) for values in cases.values() for value in values):
            right = 0.0 if name in LESS_IS_BETTER else 1.0
            always = sum(set(values) == {right} for values in cases.values())
            found[f"{name}_pass_hat_k"] = always / len(cases)
    return found
