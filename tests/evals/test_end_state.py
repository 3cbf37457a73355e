"""End states are judged by SQL: what stands there, what is new, and what must not be."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from evals.datasets import Assertion
from evals.end_state import EndState


@pytest.fixture
def state(tmp_path):
    path = tmp_path / "small.db"
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE paid (id TEXT PRIMARY KEY, owner TEXT, amount INTEGER, note TEXT)")
        db.execute("INSERT INTO paid VALUES ('P-1', 'ann', 100, NULL)")
    watched = EndState.watch(path)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("INSERT INTO paid VALUES ('P-2', 'ann', 250, 'rent')")
    return watched


@pytest.mark.parametrize(
    ("more", "holds"),
    [
        ({"where": {"owner": "ann"}, "new": True, "expect": {"amount": 250}}, True),
        ({"where": {"owner": "ann"}, "new": True, "expect": {"amount": 251}}, False),
        ({"where": {"owner": "ann"}, "expect": {"amount": 250}}, False),
        ({"where": {"owner": "bob"}, "expect": {"amount": 250}}, False),
        ({"where": {"owner": "ann"}, "count": 2}, True),
        ({"where": {"owner": "ann"}, "new": True, "count": 2}, False),
        ({"where": {"amount": {"gt": 100}}, "count": 1}, True),
        ({"where": {"amount": {"ne": 100}}, "count": 1}, True),
        ({"where": {"note": {"like": "%en%"}}, "count": 1}, True),
        ({"where": {"note": None}, "count": 1}, True),
        ({"where": {"id": ["P-1", "P-9"]}, "count": 1}, True),
        ({"where": {"owner": "ann"}, "sum": {"column": "amount", "at_most": 350}}, True),
        ({"where": {"owner": "ann"}, "sum": {"column": "amount", "at_most": 349}}, False),
    ],
)
def test_assertions_hold_or_say_what_is_wrong(state, more, holds):
    broken = state.broken([Assertion(table="paid", **more)])

    assert (broken == []) is holds


def test_what_must_not_be_is_found(state):
    assert state.matches([Assertion(table="paid", where={"amount": {"gt": 200}}, new=True)])
    assert not state.matches([Assertion(table="paid", where={"amount": 100}, new=True)])


def test_changes_are_of_an_owner_or_of_anybody(state):
    assert state.changed(["paid"], "ann", "owner") == ["paid"]
    assert state.changed(["paid"], "bob", "owner") == []
    assert state.changed(["paid"], None, "owner") == ["paid"]
