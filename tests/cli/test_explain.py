"""`tower explain`: why this pattern, from the journal and the log, for whoever may read the run."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from tests.cli.conftest import Tower


def test_it_says_why_and_notices_what_was_changed_since(tower: Tower):
    run = tower.json("run", "--customer", "C-10001", "Please call me back tomorrow.")["run"]

    [choice] = tower.json("explain", run)["choices"]
    said = tower("explain", run).stdout

    assert choice["to"] == "single"
    assert choice["rule"]["name"] == "one specialist"
    assert choice["ladder"] == ["single", "handoff"]
    assert choice["unaltered"] is True
    assert "went to       single" in said
    assert "as it was written" in said

    with closing(sqlite3.connect(tower.home / "control.db")) as db, db:
        db.execute("UPDATE journal SET result = replace(result, 'single', 'direct') WHERE seam = 'route'")
    assert "IT WAS ALTERED" in tower("explain", run).stdout


def test_a_run_that_was_started_by_name_and_one_that_is_not_ours(tower: Tower):
    named = tower.json("run", "--graph", "direct", "Is luggage covered in a locked car?")["run"]

    assert "Nobody chose" in tower("explain", named).stdout
    assert tower("explain", named, "--as", "mia").returncode == 2
    assert "there is no run" in tower("explain", "run-0000").stderr
