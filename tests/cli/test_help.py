"""What `--help` lists is read on a terminal of 80 columns: no command's line is cut off."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize("group", ["", "runs", "effects", "audit", "eval", "eval data"])
def test_no_commands_line_is_cut_off(tower, group):
    tower.env["COLUMNS"] = "80"

    done = tower(*group.split(), "--help")

    listed = done.stdout.partition("Commands:\n")[2].partition("\n\n")[0].splitlines()
    assert done.returncode == 0
    assert listed
    assert [line for line in listed if line.endswith("...")] == []


def test_what_takes_things_back_is_listed(tower):
    assert "\n  undo " in tower("--help").stdout
    assert tower("effects", "undo", "--help").returncode == 0
