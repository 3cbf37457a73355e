"""Scenario 28 in the log: what class of task it is stands there, whatever becomes of the run."""

from __future__ import annotations

import pytest

from evals.feedback import jobs_of
from evals.traces import keep
from tests.evals.making import row
from tests.scenarios.conftest import LENA, calls, says
from tests.scenarios.front_door import answer, front_door, picks

DENIED = (picks("lookup"), calls("refund", order_id="T-003", amount=1, iban="x"), says("I may not."))
WAITING = (picks("refund"), calls("Facts", order_id="T-001", amount=9999), *[says("I can't say")] * 3)


@pytest.mark.scenario(28)
@pytest.mark.parametrize(
    ("lines", "ends", "job"),
    [(DENIED, "denied", "lookup"), (WAITING, "waiting", "refund"), ((picks("other"),), "escalated", "other")],
)
async def test_a_run_that_no_pattern_is_judged_for_still_says_its_class(desk, tower_home, lines, ends, job):
    desk.script(*lines)

    run = await desk.start(front_door(desk))

    assert ("waiting" if run.waiting else run.outcome["status"]) == ends
    assert run.entries("pattern_judged") == []
    keep(tower_home / "evals" / "stage", desk.plane.audit.entries())
    case = row("K-1", suite="cases", layer="output", run=run.id)
    assert jobs_of([case]) == {"K-1": job}


@pytest.mark.scenario(28)
async def test_the_class_is_written_once_however_often_the_run_goes_on(desk):
    desk.script(*WAITING)
    run = await desk.start(front_door(desk))
    await desk.plane.decide(LENA, answer(run, "reject", message="illegible"))
    await run.resume()

    [chosen] = run.entries("pattern_chosen")
    assert chosen["body"] == {"job": "refund", "pattern": "sequential"}
