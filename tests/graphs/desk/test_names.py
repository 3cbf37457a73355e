"""The desk's policies and limits speak of nobody who isn't there, and its agents lack nothing."""

from __future__ import annotations

from graphs.domain import domain
from graphs.roster import misfits


def test_doctor_finds_no_wrong_name_and_nothing_that_an_agent_lacks():
    assert misfits(domain()) == []
