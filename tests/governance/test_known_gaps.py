"""Each gap of LangChain's agent middleware (1.4.7, measured) and the test that shows ours closed."""

from __future__ import annotations

from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent
GAPS = {
    "call counters are reset at every interrupt": (
        "scenarios/test_s11_s16_budget.py",
        "test_ten_interrupts_reset_no_counter",
    ),
    "retries bypass call limits": ("scenarios/test_s11_s16_budget.py", "test_retries_and_stand_ins_count"),
    "limits are not shared between agents": (
        "scenarios/test_s11_s16_budget.py",
        "test_six_children_at_once_make_three_calls",
    ),
    "limits are not shared between processes": (
        "governance/test_budget.py",
        "test_fifty_runs_at_once_overspend_their_tenants_budget_by_nothing",
    ),
    "a reviewer's edit can switch to a tool that nobody cleared": (
        "scenarios/test_s32_s36_humans.py",
        "test_an_edit_is_cleared_again_and_a_switched_tool_is_refused",
    ),
    "two concurrent resumes pay twice": (
        "scenarios/test_s32_s36_humans.py",
        "test_two_resumes_at_once_have_one_effect",
    ),
    "resuming an old checkpoint pays again": (
        "scenarios/test_s32_s36_humans.py",
        "test_an_old_checkpoint_has_no_second_effect",
    ),
    "names are not masked": ("governance/test_vault.py", "test_no_name_survives_in_any_spelling"),
    "phones are not masked": ("governance/test_detect.py", "test_found"),
    "tool-call arguments are not masked": (
        "scenarios/test_arguments_are_masked.py",
        "test_no_personal_value_stands_in_tool_calls",
    ),
}


@pytest.mark.parametrize("gap", GAPS)
def test_it_is_closed_by_a_test_that_exists(gap: str):
    file, name = GAPS[gap]
    text = (TESTS / file).read_text(encoding="utf-8")
    assert f"def {name}(" in text
    before = text[: text.index(f"def {name}(")].rsplit("\n\n\n", 1)[-1]
    assert "skip" not in before
    assert "xfail" not in before
