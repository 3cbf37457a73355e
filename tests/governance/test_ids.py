"""Ids are nobody's to guess, and nothing personal."""

from __future__ import annotations

from governance import ids
from governance.detect import find_personal
from governance.ids import new_id


def test_they_differ_and_are_as_long_as_asked():
    made = {new_id("run", 16) for _ in range(100)}

    assert len(made) == 100
    assert {len(one) for one in made} == {len("run-") + 16}


def test_none_reads_like_a_telephone_number(monkeypatch):
    """One did: the approval with it could be answered by nobody, since its id came back masked."""
    monkeypatch.setattr(ids, "token_hex", lambda digits: "0049170123456789"[:digits] * 2)

    assert find_personal("apr-004917012345") != []
    assert find_personal(new_id("apr", 12)) == []
