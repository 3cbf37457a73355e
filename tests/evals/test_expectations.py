"""An expectation is met by the world alone, and anything missing, wrong or extra is a deviation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evals.expectations import Expectation, deviations, read_manifest
from governance.contract import Contract
from governance.errors import InvalidInput
from governance.principals import Run, User
from governance.runs import Record

PAID = {"payments": [{"amount": 40000, "status": "sent"}], "claims": [{"status": "paid"}]}
EXPECTED = Expectation("a.txt", graph="sequential", status="completed", world=PAID)


def record(status: str = "completed", pattern: str = "sequential", answer: str = "") -> Record:
    run = Run("run-1", "t", "adaptive", User("sam", "harbor", frozenset()), None, "no", "v", Contract())
    outcome: dict[str, Any] = {"status": status, "answer": answer, "result": {"routed": {"pattern": pattern}}}
    return Record(run, {}, "2026-01-01", "ended", "2026-01-01", outcome)


def test_what_was_stated_is_met_whatever_the_answer_says() -> None:
    world = {"payments": [{"amount": 40000, "status": "sent", "id": 1}], "claims": [{"status": "paid"}]}
    assert deviations(EXPECTED, record(answer="we paid nothing"), 0, world) == []


@pytest.mark.parametrize(
    ("world", "said"),
    [
        ({"claims": [{"status": "paid"}]}, "payments: none with amount 40000"),
        (PAID | {"payments": [{"amount": 1, "status": "sent"}]}, "payments: none with amount 40000"),
        (PAID | {"payments": PAID["payments"] * 2}, "payments: unexpected"),
        (PAID | {"notes": [{"kind": "complaint"}]}, "notes: unexpected"),
    ],
)
def test_missing_wrong_doubled_and_extra_records_are_deviations(world: dict[str, Any], said: str) -> None:
    assert any(
        found.startswith(said) for found in deviations(EXPECTED, record(answer="paid 400.00"), 0, world)
    )


def test_another_outcome_graph_or_number_of_questions_is_a_deviation() -> None:
    assert len(deviations(EXPECTED, record("escalated", "handoff"), 1, PAID)) == 3


@pytest.mark.parametrize(
    "text", ["", "[[document]]\nfile='a.txt'", "[[document]]\nfile='none.txt'\ngraph='x'\nstatus='y'", "["]
)
def test_a_broken_manifest_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.toml").write_text(text)
    with pytest.raises(InvalidInput):
        read_manifest(tmp_path / "manifest.toml")
