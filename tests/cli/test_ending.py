"""Runs that end early: cancelled by a person, or stopped between two steps by SIGTERM."""

from __future__ import annotations

import signal
import time
from pathlib import Path

from evals.expectations import Expectation
from tests.cli.conftest import Tower, arguments


def test_a_cancelled_run_asks_nothing_and_does_nothing_more(tower: Tower, large_claim: Expectation):
    waiting = tower.json("run", *arguments(large_claim))
    run, (asked,) = waiting["run"], waiting["approvals"]

    refused = tower("runs", "cancel", run, "--as", "hanna")
    assert refused.returncode == 4
    assert tower.json("show", run)["state"] == "waiting"

    ended = tower.json("runs", "cancel", run, "--as", "otto", "--reason", "the customer withdrew")

    assert ended["status"] == "cancelled"
    assert ended["outcome"]["reasons"] == ["cancelled by otto: the customer withdrew"]
    assert tower("approve", asked["id"], "--as", "lena").returncode != 0
    assert tower.json("resume", run)["status"] == "cancelled"
    made = "SELECT count(*) FROM desk_applied WHERE effect = 'Payment' AND key LIKE ?"
    assert tower.count(made, f"{run}/%", store="desk") == 0
    (entry,) = [e for e in tower.json("show", run)["entries"] if e["kind"] == "run_ended"]
    assert (entry["user_id"], entry["body"]["status"]) == ("otto", "cancelled")
    assert tower("runs", "cancel", run).returncode == 2


def test_a_run_at_work_notices_at_its_next_act(tower: Tower, small_claim: Expectation):
    process, run = tower.begin(*arguments(small_claim))
    while tower.entries(run) < 3:
        time.sleep(0.001)
    tower("runs", "cancel", run)
    said, errors = process.communicate()

    assert '"cancelled"' in said, errors
    assert process.returncode == 4
    # Nothing was begun once it had ended.
    assert (
        tower.count(
            "SELECT count(*) FROM audit WHERE run = ? AND kind = 'cleared' AND seq >"
            " (SELECT seq FROM audit WHERE run = ? AND kind = 'run_ended')",
            run,
            run,
        )
        == 0
    )
    assert tower("audit", "verify").returncode == 0


def test_sigterm_ends_between_two_steps_and_resume_goes_on(tower: Tower, small_claim: Expectation):
    process, run = tower.begin(*arguments(small_claim))
    while tower.entries(run) < 5:
        time.sleep(0.001)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate()

    assert process.returncode == 143
    assert f"tower resume {run}" in errors
    assert tower.entries(run, "run_drained") == 1
    # No step was left half-done: everything that was begun has ended.
    assert tower.count("SELECT count(*) FROM journal WHERE run = ? AND state <> 'done'", run) == 0
    before = tower.entries(run, "settled")
    assert tower.json("resume", run)["status"] == small_claim.status
    assert tower.entries(run, "settled") > before
    assert tower.count("SELECT count(*) FROM journal WHERE run = ? AND attempt > 1", run) == 0


def test_a_watcher_ends_with_the_document_it_has_in_hand(tower: Tower, tmp_path: Path):
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    command = ["watch", str(inbox), "--every", "0.1"]
    process = tower.forker.start(command, tower.environment, Path(__file__).parent.parent.parent)
    (inbox / "a.txt").write_text("Is my laptop covered when it falls?")
    while not tower.count("SELECT count(*) FROM runs"):
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    process.communicate()

    assert process.returncode == 143
    assert tower.count("SELECT count(*) FROM journal WHERE state NOT IN ('done', 'failed')") == 0
