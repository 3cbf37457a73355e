"""Recommendation: which model for which role, with how sure that is."""

from __future__ import annotations

from collections.abc import Sequence

from evals.rows import Experiment, Row, aggregate
from evals.statistics import wilson
from evals.summary import summary

ENOUGH = 0.8
"""Lower bound of the accuracy from which a model is recommended for a role without reserve."""

VALID = 0.95
"""Share of answers that must have the form that was asked for."""


def recommendations(experiment: Experiment) -> list[tuple[str, ...]]:
    """One line a role: role, model, n, accuracy, its interval, validity, latency, cost, verdict."""
    layer = [row for row in experiment.rows if row.layer == "model"]
    roles = sorted({row.suite for row in layer})
    return [_line(role, experiment.model, [row for row in layer if row.suite == role]) for role in roles]


def _line(role: str, model: str, rows: Sequence[Row]) -> tuple[str, ...]:
    accuracy, n = aggregate(rows, "accuracy_ref")
    interval = wilson(accuracy * n, n)
    validities = [aggregate(rows, name) for name in ("structured_output_validity", "tool_call_validity")]
    valid = min((mean for mean, count in validities if count), default=0.0)
    spent = summary(rows)
    verdict = "fit" if interval.lower >= ENOUGH and valid >= VALID else "with reserve"
    if interval.upper < ENOUGH or valid < ENOUGH:
        verdict = "not fit"
    return (
        role.removeprefix("roles-"),
        model,
        str(n),
        f"{accuracy:.3f}",
        f"{interval.lower:.2f}-{interval.upper:.2f}",
        f"{valid:.3f}",
        f"{spent['latency_seconds_p50']:.2f}",
        f"{spent['latency_seconds_p95']:.2f}",
        f"{spent['cost_micros']:.0f}",
        verdict,
    )
