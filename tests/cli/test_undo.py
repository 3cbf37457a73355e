"""`tower undo`: the desk's database is as it was, also where the process dies in mid-undo."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from typing import Any

import pytest

from evals.expectations import Expectation
from tests.cli.conftest import ROOT, Tower, arguments
from tools.desk.records import Row

VOID = {
    "desk_claims": "status <> 'withdrawn'",
    "desk_payments": "status <> 'recalled'",
    "desk_letters": "status <> 'cancelled'",
    "desk_notes": "NOT removed",
}
"""What was taken back stays on record as void: the trail that an auditor follows."""
TABLES = sorted(Row.metadata.tables)
BOOKKEEPING = {"desk_applied", "desk_counters"}
"""Keys of effects and the numbers given out; numbers are never given twice."""
COMPENSATIONS = ("cancel_letter", "recall_payment", "reopen_claim", "withdraw_claim")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
def tower(request: pytest.FixtureRequest) -> Tower:
    """A home, with its databases on either kind."""
    found: Tower = request.getfixturevalue("on_postgres" if request.param == "postgres" else "prepared_copy")
    return found


def business(tower: Tower) -> dict[str, list[Any]]:
    """Every row of the desk that counts."""
    kept = {name for name in TABLES if name.startswith("desk_")} - BOOKKEEPING
    return {
        t: sorted(tower.sql(f"SELECT * FROM {t} WHERE {VOID.get(t, '1 = 1')}", store="desk")) for t in kept
    }


def paid(tower: Tower, claim: Expectation) -> str:
    process, run = tower.begin(*arguments(claim))
    process.communicate()
    return run


def compensations(tower: Tower, run: str) -> dict[str, int]:
    made = {}
    for action in COMPENSATIONS:
        like = f"undo-{run.removeprefix('run-')}/%/{action}/%"
        made[action] = tower.count("SELECT count(*) FROM desk_applied WHERE key LIKE ?", like, store="desk")
    return made


def test_after_an_undo_the_database_is_as_it_was(tower: Tower, small_claim: Expectation) -> None:
    before = business(tower)
    run = paid(tower, small_claim)
    assert business(tower) != before

    own = tower("undo", run)
    assert own.returncode == 3, "whoever started the run can't agree to its undo"
    assert business(tower) != before

    done = tower("undo", run, "--as", "lena")

    assert done.returncode == 0, done.stdout + done.stderr
    assert business(tower) == before
    assert compensations(tower, run) == dict.fromkeys(COMPENSATIONS, 1)
    assert tower("undo", run, "--as", "lena").returncode == 0
    assert compensations(tower, run) == dict.fromkeys(COMPENSATIONS, 1)
    assert tower("audit", "verify").returncode == 0
    spent = json.loads(tower("budget", run, "--json").stdout)
    assert {row["name"] for row in spent["by_tool"]} >= {"open_claim", "pay_claim"}


@pytest.mark.parametrize(
    "entries", [n if n == 14 else pytest.param(n, marks=pytest.mark.slow) for n in (6, 9, 11, 14, 16)]
)
def test_killed_in_mid_undo_another_process_goes_on(
    tower: Tower, small_claim: Expectation, entries: int
) -> None:
    before = business(tower)
    run = paid(tower, small_claim)
    undo = f"undo-{run.removeprefix('run-')}"
    command = [sys.executable, "-m", "cli.main", "undo", run, "--as", "lena"]
    process = subprocess.Popen(
        command, env=tower.environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    while process.poll() is None and tower.entries(undo) < entries:
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert tower.entries(undo, "run_ended") == 0, "it ended before the kill; kill it earlier"

    assert tower("undo", run, "--as", "lena").returncode == 0

    assert business(tower) == before
    assert compensations(tower, run) == dict.fromkeys(COMPENSATIONS, 1)
    assert tower("audit", "verify").returncode == 0


def test_a_step_that_nothing_takes_back_any_more_is_left_to_people(
    tower: Tower, small_claim: Expectation
) -> None:
    before = business(tower)
    run = paid(tower, small_claim)
    tower.sql("UPDATE desk_letters SET leaves_at = '2020-01-01T00:00:00+00:00'", store="desk")

    first = tower.json("undo", run, "--as", "lena")
    assert [step["state"] for step in first["steps"]] == ["failed", "left", "left", "left"]
    (waiting,) = tower.json("effects", "list", "--as", "lena")
    assert waiting["action"] == "cancel_letter"
    assert business(tower) != before

    refused = tower(
        "effects", "settle", waiting["key"], "--happened", "--result", "{}", "--reason", "x", "--as", "lena"
    )
    assert refused.returncode == 2
    letter = json.dumps(tower.json("effects", "list", run)[-1]["result"])
    for user, code in (("hanna", 4), ("noah", 2), ("lena", 0)):
        said = ("--happened", "--result", letter, "--reason", "a correcting letter is out", "--as", user)
        assert tower("effects", "settle", waiting["key"], *said).returncode == code
    assert tower("undo", run, "--as", "lena").returncode == 0
    assert compensations(tower, run) == dict.fromkeys(COMPENSATIONS, 1) | {"cancel_letter": 0}


def test_a_request_is_run_again_once_nothing_of_the_first_run_stands(
    tower: Tower, small_claim: Expectation
) -> None:
    first = paid(tower, small_claim)
    early = tower("again", first)
    assert f"take that back first with `tower undo {first}`" in " ".join(early.stderr.split())
    assert early.returncode == 2, "a second payment would be one too many"
    assert tower("undo", first, "--as", "lena").returncode == 0

    second = tower.json("again", first)

    assert (second["status"], second["customer"]) == (small_claim.status, "C-10001")
    assert second["verified"] == tower.json("show", first)["verified"]
    payments = "SELECT status FROM desk_payments WHERE claim_id LIKE 'CL-%' ORDER BY payment_id DESC LIMIT 2"
    assert tower.sql(payments, store="desk") == [("sent",), ("recalled",)]
    asked = "SELECT count(*) FROM journal WHERE key LIKE ? AND attempt = 1"
    calls = [tower.count(asked, f"{run}/%") for run in (first, second["run"])]
    assert calls[0] == calls[1] > 5, "nothing of the first run was replayed"
    assert [
        (e["body"]["what"], e["body"]["digest"])
        for e in tower.json("show", second["run"])["entries"]
        if e["kind"] == "event"
    ] == [("again", first)]
    assert tower("undo", second["run"], "--as", "lena").returncode == 0
    twice = " ".join(tower("again", first).stderr.split())
    assert f"{first} was run again already, as {second['run']}" in twice, "else each again pays once more"
    undone = tower("again", f"undo-{first.removeprefix('run-')}", "--as", "lena")
    assert "answers no request" in " ".join(undone.stderr.split())
