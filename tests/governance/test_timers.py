"""Run time: people's time costs a run nothing, its own does, and the service level counts both."""

from __future__ import annotations

from dataclasses import replace

import pytest

from governance.acts import Cost, Seam
from governance.errors import ApprovalRequired, BudgetExhausted
from governance.limits import Times
from tests.governance.conftest import LENA, act

LARGE = {"claim_id": "CL-1", "amount": 60_000}


@pytest.fixture
def timed(build, limits):
    return build(limits=replace(limits, times=Times(run_seconds=60, service_hours=1)))


async def step(plane, run, sequence):
    clearance = await plane.clear(act(run, "read_claim", sequence, args={}))
    await plane.settle(clearance, "ok", Cost(tool_calls=1))


@pytest.mark.scenario(14)
async def test_two_hours_of_a_person_cost_no_run_time_and_show_in_the_service_level(timed, run, clock):
    await step(timed, run, 1)
    clock.forward(seconds=10)
    with pytest.raises(ApprovalRequired):
        await timed.clear(act(run, args=LARGE))
    clock.forward(hours=2)
    (asked,) = await timed.pending("harbor")
    await timed.decide(LENA, {"approval_id": asked.id, "type": "approve"})
    clearance = await timed.clear(act(run, args=LARGE))
    clock.forward(seconds=5)
    await timed.settle(clearance, "paid", Cost(tool_calls=1))

    usage = await timed.usage(run.id)

    assert (usage["seconds"], usage["waited_seconds"], usage["late"]) == (15, 7200, True)
    await timed.conclude(run.id, {"status": "completed"})
    clock.forward(days=3)
    assert (await timed.usage(run.id))["seconds"] == 15, "the clocks stand still when it has ended"


@pytest.mark.scenario(14)
async def test_a_run_that_was_at_work_too_long_may_only_end(timed, run, clock):
    for n in range(3):
        await step(timed, run, n)
        clock.forward(seconds=20)
    with pytest.raises(BudgetExhausted, match="60 seconds"):
        await step(timed, run, 9)
    delivery = act(
        run, "deliver", 1, seam=Seam.DELIVERY, resource=("Channel", "requester"), args={}, cost=Cost()
    )
    await timed.clear(delivery)


async def test_nobody_drives_it_overnight_and_that_is_not_work(timed, run, clock):
    await step(timed, run, 1)
    clock.forward(hours=9)
    await step(timed, run, 2)
    usage = await timed.usage(run.id)
    assert (usage["seconds"], usage["waited_seconds"]) == (0, 9 * 3600)


async def test_waiting_again_and_again_adds_up_and_resets_nothing(timed, run, clock):
    """Ten interrupts: neither the clock nor the counters start anew."""
    await step(timed, run, 1)
    for n in range(10):
        with pytest.raises(ApprovalRequired):
            await timed.clear(act(run, args=LARGE | {"amount": 60_000 + n}, sequence=30 + n))
        clock.forward(minutes=30)
        await timed.usage(run.id)
        clock.forward(seconds=2)
    await timed.clear(act(run, "read_claim", 2, args={}))
    usage = await timed.usage(run.id)
    assert usage["tool_calls"] == 1
    assert usage["waited_seconds"] + usage["seconds"] == 10 * 1802
    assert usage["seconds"] <= 20


async def test_no_limit_means_none(build, limits, run, clock):
    plane = build(limits=replace(limits, times=Times()))
    for n in range(4):
        await step(plane, run, n)
        clock.forward(seconds=80)
    assert (await plane.usage(run.id))["seconds"] == 320
