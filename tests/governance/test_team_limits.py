"""Limits of workers and of people in teams: read from limits.toml, and refused where they make no sense."""

from __future__ import annotations

from pathlib import Path

import pytest

from governance.errors import ControlUnavailable
from governance.limits import Person, load_limits

GOOD = """
[workers.settlement]
model_calls = 12
seconds = 120

[people.adjuster]
roles = ["claims-lead"]
hours = 4
deputy = ["operator"]
"""


def test_they_are_read(tmp_path: Path):
    (tmp_path / "limits.toml").write_text(GOOD)

    limits = load_limits(folder=tmp_path)

    assert (limits.workers["settlement"].model_calls, limits.workers["settlement"].seconds) == (12, 120)
    assert limits.people["adjuster"] == Person(("claims-lead",), 4, ("operator",))


@pytest.mark.parametrize(
    "wrong", ["seconds = 0", "seconds = -1", "model_calls = -1", "hours = 0", "minutes = 3", "roles = 3"]
)
def test_what_makes_no_sense_stops_the_start(tmp_path: Path, wrong: str):
    table = "people.adjuster" if wrong.startswith(("hours", "roles")) else "workers.settlement"
    roles = '\nroles = ["claims-lead"]' if wrong.startswith("hours") else ""
    (tmp_path / "limits.toml").write_text(f"[{table}]\n{wrong}{roles}\n")

    with pytest.raises(ControlUnavailable, match=r"limits\.toml"):
        load_limits(folder=tmp_path)
