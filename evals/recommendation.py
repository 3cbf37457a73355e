"""Recommendation: which model for which role, with how sure that is."""

from __future__ import annotations

from collections.abc import Sequence

from evals.rows import Experiment, Row, aggregate, by_suite
from evals.statistics import wilson
from evals.summary import BESIDE, summary
from evals.versions import MODEL_OF
from models.door import roles

ENOUGH = 0.8
"""Lower bound of the accuracy from which a model is recommended without reserve, if it beats every rule."""

VALID = 0.95
"""Share of answers that must have the form that was asked for."""


COLUMNS = (
    "role", "rows", "model", "accuracy", "95 %", "best rule", "valid", "p50 s", "p95 s", "micros", "verdict",
)  # fmt: skip


def recommendations(experiment: Experiment) -> list[tuple[str, ...]]:
    """One line for each role that agents name, in `COLUMNS`; a role that nobody asked says so.

    A case that couldn't be judged counts as wrong: a model that is away half of the time is fit for nothing.
    """
    asked = by_suite(experiment.rows)
    return [_line(role, experiment, asked[f"roles-{role}"]) for role in roles()]


def _line(role: str, experiment: Experiment, rows: Sequence[Row]) -> tuple[str, ...]:
    model = experiment.versions.get(f"{MODEL_OF}{role}", experiment.model)
    answered = [row for row in rows if not row.error]
    if not answered:
        return (role, "0", model, *("" for _ in COLUMNS[4:]), "not measured")
    accuracy, n = aggregate(rows, "accuracy_ref")
    interval = wilson(accuracy * n, n)
    validities = [aggregate(rows, name) for name in ("structured_output_validity", "tool_call_validity")]
    valid = min((mean for mean, count in validities if count), default=0.0)
    spent = summary(answered)
    prefix = f"accuracy_ref{BESIDE}"
    rules = [(mean, name.removeprefix(prefix)) for name, mean in spent.items() if name.startswith(prefix)]
    best, rule = max(rules, default=(0.0, "none"))
    verdict = "fit" if interval.lower >= ENOUGH and valid >= VALID else "with reserve"
    if interval.upper < ENOUGH or valid < ENOUGH or interval.lower <= best:
        verdict = "not fit"
    failed = f", {len(rows) - len(answered)} failed" if len(answered) < len(rows) else ""
    return (
        role,
        f"{n} of roles-{role}{failed}",
        model,
        f"{accuracy:.3f}",
        f"{interval.lower:.2f}-{interval.upper:.2f}",
        f"{best:.2f} {rule}",
        f"{valid:.3f}",
        f"{spent['latency_seconds_p50']:.2f}",
        f"{spent['latency_seconds_p95']:.2f}",
        f"{spent['cost_micros']:.0f}",
        verdict,
    )
