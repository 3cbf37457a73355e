"""A small experiment for tests of where results go."""

from __future__ import annotations

from evals.rows import Experiment, Row


def row(case: str, *, suite: str = "routing", repetition: int = 0, **more: object) -> Row:
    values: dict[str, object] = {
        "layer": "component",
        "split": "dev",
        "scores": {"intent_correctness_ref": 1.0, "seconds": 0.25},
        "expected": "claim",
        "got": "claim",
        "tags": ("hard",),
        "run": f"run-{case}",
        "seconds": 0.25,
    }
    return Row(suite=suite, case=case, repetition=repetition, **{**values, **more})  # type: ignore[arg-type]


def experiment(cases: int = 24, name: str = "e-1") -> Experiment:
    rows = [row(f"R-{i:04}") for i in range(cases)]
    rows[3] = row("R-0003", scores={"intent_correctness_ref": 0.0, "seconds": 1.5}, got="billing")
    rows[4] = row("R-0004", scores={"intent_correctness_ref": 0.0}, got=None, error="no answer")
    other = [row("C-1", suite="cases", repetition=i, layer="output") for i in range(2)]
    return Experiment(
        id=name,
        created="2026-01-02T03:04:05+00:00",
        git_sha="abc123",
        datasets={"routing": "d1", "cases": "d2"},
        policy="p7",
        model="offline-1",
        versions={"agents": "a1", "tools": "t1"},
        rows=(*rows, *other),
    )
