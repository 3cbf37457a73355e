"""Experiments and thresholds that tests make up."""

from __future__ import annotations

from dataclasses import replace

from evals.baselines import Baseline, Source
from evals.rows import Experiment, Row
from evals.thresholds import Metric, Safety, Thresholds, read_thresholds

LIMITS = replace(
    read_thresholds(), metric=(Metric("routing", "right", primary=True, delta=0.05),), safety=(), pending=()
)


def row(case: str, *, suite: str = "routing", layer: str = "component", **more) -> Row:
    scores = more.pop("scores", {"right": 1.0})
    fields = {"split": "dev", "repetition": 0, "expected": "x", "got": "y"} | more
    return Row(suite=suite, layer=layer, case=case, scores=scores, **fields)


def rows(right: int, wrong: int, **more) -> list[Row]:
    """The first `wrong` cases fail."""
    return [row(f"R-{i:03}", scores={"right": float(i >= wrong)}, **more) for i in range(right + wrong)]


def experiment(found: list[Row], **more) -> Experiment:
    fields = {
        "id": "e1", "created": "2026-11-21T09:00:00Z", "git_sha": "abc", "policy": "p1", "model": "offline",
        "datasets": {r.suite: "d1" for r in found}, "versions": {},
    }  # fmt: skip
    return Experiment(**fields | more, rows=tuple(found))


def baseline(found: list[Row]) -> Baseline:
    source = Source("e0", "2026-11-20T09:00:00Z", "abc", "offline", "p1", "d1", "", "lena", "the first one")
    return Baseline({r.suite: source for r in found}, tuple(found))


def limits(*metric: Metric, safety: tuple[Safety, ...] = ()) -> Thresholds:
    return replace(LIMITS, metric=metric or LIMITS.metric, safety=safety)
