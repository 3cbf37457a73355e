"""Metrics say what the log says, and nothing that isn't in it."""

from __future__ import annotations

import pytest

from governance.acts import Cost
from governance.errors import ApprovalRequired
from governance.metrics import measure
from tests.governance.conftest import CONTRACT, LENA, SAM, act


async def test_two_runs_of_which_one_needed_a_person(plane, run, clock):
    done = await plane.clear(act(run))
    clock.forward(seconds=10)
    await plane.settle(done, "paid", Cost(tool_calls=1))
    await plane.close_run(run.id, {"status": "completed"})
    second = await plane.open_run(graph="g", user=SAM, contract=CONTRACT, input={})
    big = act(second, args={"claim_id": "CL-1", "amount": 60_000})
    with pytest.raises(ApprovalRequired) as asked:
        await plane.clear(big)
    clock.forward(seconds=30)
    await plane.decide(LENA, {"approval_id": asked.value.approval_id, "type": "approve"})
    await plane.settle(await plane.clear(big), "paid", Cost(tool_calls=1))
    await plane.note(second, "run_drained", {"reason": "SIGTERM"})
    clock.forward(seconds=5)
    await plane.note(second, "dissent", {})
    await plane.close_run(second.id, {"status": "failed"})

    found = measure(plane.audit.entries())

    assert found["outcomes"] == {"completed": 1, "failed": 1}
    assert (found["completion"], found["request_to_fulfilment_seconds"]) == (0.5, 10.0)
    assert (found["manual_touch_points"], found["conflicts"], found["recovery_seconds"]) == (0.5, 0.5, 5.0)
    assert found["per_solved_task"] == {"tool_calls": 2.0}
    assert found["autonomy_by_day"] == {"2026-11-21": 0.5}
    assert found["change_fail_rate"] == 0


def test_an_empty_log_measures_nothing():
    found = measure([])
    assert (found["runs"], found["completion"], found["recovery_seconds"]) == (0, None, None)
