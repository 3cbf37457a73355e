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
    await plane.conclude(run.id, {"status": "completed"})
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
    await plane.conclude(second.id, {"status": "failed"})

    found = measure(plane.audit.entries())

    assert found["outcomes"] == {"completed": 1, "failed": 1}
    assert (found["completion"], found["request_to_fulfilment_seconds"]) == (0.5, 10.0)
    assert (found["manual_touch_points"], found["conflicts"], found["recovery_seconds"]) == (0.5, 0.5, 5.0)
    assert found["per_solved_task"] == {"tool_calls": 2.0}
    assert found["autonomy_by_day"] == {"2026-11-21": 0.5}
    assert found["change_fail_rate"] == 0


async def test_latency_by_how_many_runs_were_at_work_when_it_began(plane, run, clock):
    """Ten at once, of which one waits for a person: it is no load while it waits."""
    big = act(run, args={"claim_id": "CL-1", "amount": 60_000})
    with pytest.raises(ApprovalRequired) as asked:
        await plane.clear(big)
    clock.forward(seconds=1)
    many = [await plane.open_run(graph="g", user=SAM, contract=CONTRACT, input={}) for _ in range(9)]
    for seconds, each in enumerate(many, start=1):
        done = await plane.clear(act(each))
        clock.forward(seconds=seconds)
        await plane.settle(done, "paid", Cost(tool_calls=1))
        await plane.conclude(each.id, {"status": "completed"})
    clock.forward(hours=1)
    await plane.decide(LENA, {"approval_id": asked.value.approval_id, "type": "approve"})
    done = await plane.clear(big)
    clock.forward(seconds=2)
    await plane.settle(done, "paid", Cost(tool_calls=1))
    await plane.conclude(run.id, {"status": "completed"})

    found = measure(plane.audit.entries())["latency_under_load"]

    assert list(found) == ["1", "2-4", "5-9"]
    assert found["1"]["request_to_fulfilment"] == {"count": 1, "p50": 3648.0, "p95": 3648.0}
    assert found["1"]["at_work"] == {"count": 1, "p50": 2.0, "p95": 2.0}
    assert found["5-9"]["request_to_fulfilment"] == {"count": 9, "p50": 15.0, "p95": 45.0}
    assert {load: times["tool_call"] for load, times in found.items()} == {
        "1": {"count": 1, "p50": 2.0, "p95": 2.0},
        "2-4": {"count": 3, "p50": 8.0, "p95": 9.0},
        "5-9": {"count": 6, "p50": 3.0, "p95": 6.0},
    }


def test_an_empty_log_measures_nothing():
    found = measure([])
    assert (found["runs"], found["completion"], found["recovery_seconds"]) == (0, None, None)
    assert found["latency_under_load"] == {}
