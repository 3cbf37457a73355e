"""The table of scenarios and patterns says one thing about each, and names tests that are there."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

from tests.matrix.rows import CELLS
from tests.matrix.scenarios import PATTERNS, TABLE, of_patterns, standing, summary

TESTS = Path(__file__).parent.parent
KINDS = {"beneath", "open", "shown", "matrix"}


@cache
def functions_of(file: str) -> set[str]:
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    return {each.name for each in tree.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)}


def named(number: str) -> list[str]:
    entry = TABLE[number]
    return [*entry.get("shown", {}).values(), *entry.get("beneath", ())]


def test_it_has_every_scenario():
    assert list(TABLE) == [f"s{number:02}" for number in range(1, 53)]


@pytest.mark.parametrize("number", TABLE)
def test_it_says_one_thing_about_each(number: str):
    entry = TABLE[number]
    assert len(KINDS & set(entry)) == 1
    assert {*entry.get("shown", {}), *entry.get("not_shown", ())} <= set(PATTERNS)
    assert entry.get("matrix", "budget") in CELLS
    if number in of_patterns():
        assert all(standing(number, pattern) for pattern in PATTERNS)


@pytest.mark.parametrize("number", TABLE)
def test_the_tests_that_it_names_are_there(number: str):
    for test in named(number):
        file, _, name = test.partition("::")
        assert name in functions_of(file), test


def test_what_it_says_nothing_about_is_an_error(monkeypatch: pytest.MonkeyPatch):
    shown = {name: test for name, test in TABLE["s14"]["shown"].items() if name != "direct"}
    monkeypatch.setitem(TABLE, "s14", {"shown": shown})

    with pytest.raises(LookupError, match="s14 of direct"):
        summary()
