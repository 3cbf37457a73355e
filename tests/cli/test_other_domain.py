"""The command knows no desk: another application is run, killed, resumed and approved in the same way."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.cli.conftest import Tower
from tests.forking import Forker

REFUND = "SELECT count(*) FROM refunds WHERE key LIKE ?"


@pytest.fixture
def office(tmp_path: Path, forker: Forker) -> Tower:
    return Tower(tmp_path / "home", forker, {"TOWER_DOMAIN": "tests.cli.office"})


def asked(order: str) -> tuple[str, ...]:
    return (f"Refund {order}, ann.smith@example.org", "--graph", "sequential", "--customer", "ann")


@pytest.mark.parametrize(
    "entries", [3, 11, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 2, 5, 8, 10, 13))]
)
def test_a_killed_run_ends_as_it_would_have(office: Tower, entries: int) -> None:
    process, run = office.begin(*asked("T-001"))
    assert office.kill_after(process, run, entries)

    ended = office.json("resume", run)

    assert ended["status"] == "completed"
    assert office.count(REFUND, f"{run}/%", store="ledger") == 1
    assert office.entries(run, "run_opened") == office.entries(run, "run_ended") == 1
    assert office("audit", "verify").returncode == 0


def test_what_waits_is_approved_in_another_process_by_another_person(office: Tower) -> None:
    waiting = office("run", *asked("T-002"))
    assert waiting.returncode == 3, waiting.stderr
    (request,) = office.json("approvals")

    assert office("approve", request["id"], "--as", "sam").returncode == 4
    assert office("edit", request["id"], "--as", "lena", "--set", "iban=FR1").returncode == 4
    done = office("edit", request["id"], "--as", "lena", "--set", "amount=80000")

    assert done.returncode == 0, done.stderr
    assert (
        office.count("SELECT amount FROM refunds WHERE key LIKE ?", f"{request['run']}/%", store="ledger")
        == 80_000
    )
    assert "approved by lena" in " ".join(office("show", request["run"]).stdout.split())


def test_personal_data_is_told_by_kind_and_never_shown(office: Tower) -> None:
    done = office("run", *asked("T-001"))

    assert "1 email" in done.stdout
    run = office.json("runs")[0]["run"]
    assert "ann.smith" not in office("show", run, "--json").stdout


def test_an_altered_log_is_named_by_entry(office: Tower) -> None:
    office("run", *asked("T-001"))
    db = sqlite3.connect(office.home / "control.db")
    for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        db.execute(f"DROP TRIGGER {name}")
    db.execute("UPDATE audit SET action = 'nothing' WHERE seq = 5")
    db.commit()
    db.close()

    done = office("audit", "verify")

    assert (done.returncode, "entry 5" in done.stdout) == (1, True), done.stdout


@pytest.mark.scenario(42)
def test_a_release_without_the_step_at_which_a_run_waits_leaves_it_as_it_is(office: Tower) -> None:
    office("run", *asked("T-002"))
    (request,) = office.json("approvals")
    run, old = request["run"], office.env
    office.env = old | {"OFFICE_RELEASE": "2"}

    refused = office("approve", request["id"], "--as", "lena")

    said = " ".join(refused.stderr.split())
    assert refused.returncode not in (0, 3)
    assert "has no step refund, review_refund any more" in said
    assert f"tower runs cancel {run}" in said
    assert office.entries(run, "migration_refused") == 1

    office.env = old
    assert office.json("resume", run)["status"] == "completed"
    assert office.count(REFUND, f"{run}/%", store="ledger") == 1
    assert office("audit", "verify").returncode == 0
