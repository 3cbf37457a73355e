"""A killed process loses nothing: the run ends as it would have, with one payment and a whole log."""

from __future__ import annotations

import pytest

from evals.expectations import Expectation
from tests.cli.conftest import Tower, arguments

KILL_AFTER_ENTRIES = (1, 3, 7, 12, 18, 24, 30, 36)
IN_EVERY_RUN = (12,)


@pytest.mark.parametrize(
    "entries",
    [n if n in IN_EVERY_RUN else pytest.param(n, marks=pytest.mark.slow) for n in KILL_AFTER_ENTRIES],
)
def test_a_killed_run_ends_as_it_would_have(tower: Tower, small_claim: Expectation, entries: int) -> None:
    process, run = tower.begin(*arguments(small_claim))
    killed = tower.kill_after(process, run, entries)
    assert killed or entries > 12, "the run ended before the first kill points; spread them anew"

    ended = tower.json("resume", run)

    assert ended["status"] == small_claim.status
    assert tower.count(
        "SELECT count(*) FROM desk_payments WHERE status = 'sent' AND payment_id IN"
        " (SELECT json_extract(result, '$.payment_id') FROM desk_applied WHERE key LIKE ?)",
        f"{run}/%",
        store="desk",
    ) == len(small_claim.world["payments"])
    assert tower.entries(run, "run_opened") == tower.entries(run, "run_ended") == 1
    assert tower("audit", "verify").returncode == 0


def test_killed_while_it_waits_another_process_approves_and_pays(
    tower: Tower, large_claim: Expectation
) -> None:
    process, run = tower.begin(*arguments(large_claim))
    tower.kill_after(process, run, 10)
    waiting = tower.json("resume", run)
    assert waiting["state"] == "waiting"

    ended = tower.json("approve", waiting["approvals"][0]["id"], "--as", "lena")

    assert ended["status"] == "completed"
    assert tower.count(
        "SELECT count(*) FROM desk_payments WHERE status = 'sent'", store="desk"
    ) == 1 + _seeded(tower)
    assert tower("audit", "verify").returncode == 0


def test_resuming_what_has_ended_does_nothing_twice(tower: Tower, small_claim: Expectation) -> None:
    process, run = tower.begin(*arguments(small_claim))
    process.communicate()
    before = tower.entries(run)

    assert tower.json("resume", run)["status"] == small_claim.status
    assert tower.entries(run) == before


def _seeded(tower: Tower) -> int:
    return tower.count(
        "SELECT count(*) FROM desk_payments WHERE status = 'sent' AND payment_id NOT IN"
        " (SELECT json_extract(result, '$.payment_id') FROM desk_applied WHERE effect = 'Payment')",
        store="desk",
    )
