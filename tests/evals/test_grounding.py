"""What an answer states is looked up in its sources; steps that contradict each other are found."""

from __future__ import annotations

import pytest

from evals.grounding import borne, contradictions, unborne

SECTION = "Damage of 1,200 EUR, deductible 150 EUR: tell us within seven days. See “the peril concerned”."
RECORD = ["CL-400213", 31_250, "2026-06-30", None]


@pytest.mark.parametrize(
    ("answer", "missing"),
    [
        ("We pay for damage of 1200 EUR, less 150.00 EUR.", []),
        ("We pay 1,300 EUR.", ["1300"]),
        ("CL-400213: paid 312.50 EUR on 2026-06-30.", []),
        ("CL-400214: paid 312.51 EUR on 2026-06-29.", ["2026-06-29", "312.51", "CL-400214"]),
        ("It says “the peril concerned”.", []),
        ("It says “whatever you like”.", ["whatever you like"]),
        ("Yes, you are.", []),
    ],
)
def test_what_no_source_bears_out_is_named(answer, missing):
    assert unborne(answer, [SECTION, *RECORD]) == missing


def test_the_share_counts_what_is_stated():
    assert borne("150 EUR of 1,300 EUR", [SECTION]) == 1 / 2
    assert borne("Yes, you are.", [SECTION]) is None


def test_steps_that_say_different_things_contradict_each_other():
    steps = [{"payable": 100, "peril": "fire"}, {"payable": 100}, {"payable": 90, "reason": "no"}]

    assert contradictions(steps, ["payable", "peril", "reason"]) == ["payable is 100 and 90"]
    assert not contradictions(steps[:2], ["payable", "peril"])
