"""A short letter that lacks facts: what a person is asked, in how many lines, and how to answer it."""

from __future__ import annotations

import re
import shlex

from tests.cli.conftest import Tower

LETTER = "Hello, my windscreen was broken by a stone on the motorway. Please call me back about it."
NEEDED = re.compile(r"^- (\w+):", re.MULTILINE)


def test_a_person_is_asked_for_what_is_missing_and_not_shown_the_schema(tower: Tower) -> None:
    asked = tower("run", LETTER, "--customer", "C-10001", "--graph", "sequential", "--as", "hanna").stdout

    assert NEEDED.findall(asked) == ["policy_number", "peril", "loss_date", "amount", "summary"]
    assert ("dishwasher" in asked, "is JSON with" in asked) == (False, False), asked
    assert "Hello, my windscreen was broken" in asked
    assert "DE85" not in asked
    assert "dishwasher" in tower.json("approvals", "--as", "lena")[0]["description"]

    listed = tower("approvals", "--as", "lena").stdout
    commands = re.findall(r"^  tower (\w+ apr-.*)$", listed, re.MULTILINE)
    assert [line.split()[0] for line in commands] == ["edit", "reject"]
    edit = shlex.split(commands[0])
    assert edit[-2:] == ["--as", "lena"]
    edit[3] = 'values={"policy_number": "HM-200001", "loss_date": "2026-06-01"}'
    again = tower(*edit).stdout

    assert NEEDED.findall(again) == ["peril", "amount", "summary"], again
    assert 'values={"loss_date": "2026-06-01", "policy_number": "HM-200001", "peril": "…"' in again
    assert "dishwasher" not in again
