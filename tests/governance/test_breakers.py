"""Breakers: what fails again and again is left alone, in every process and after a restart."""

from __future__ import annotations

from dataclasses import replace

import pytest

from governance.acts import Cost, Seam
from governance.errors import BreakerOpen
from governance.limits import BreakerRules
from tests.governance.conftest import CLAIMS, act

FACTS = {"provider": "openai", "model": "big", "remote": True}


def ask(run, sequence, **facts):
    return act(
        run, "call_model", sequence, args={}, seam=Seam.MODEL, resource=("Model", "worker"),
        cost=Cost(model_calls=1), facts=FACTS | facts,
    )  # fmt: skip


async def fail(plane, asked, times=1, **how):
    for n in range(times):
        clearance = await plane.clear(replace(asked, sequence=asked.sequence + n))
        await plane.fail(clearance, "down", Cost(model_calls=1), **how)


@pytest.mark.scenario(40)
async def test_five_failures_open_it_everywhere_until_a_probe_succeeds(build, run, clock):
    here, there = build(), build()
    await fail(here, ask(run, 1), times=4)
    (counting,) = await there.breakers()
    assert (counting.name, counting.failures, counting.opened) == ("model:openai/big", 4, None)
    await fail(there, ask(run, 5))
    here.close()

    for plane in (there, build()):
        with pytest.raises(BreakerOpen, match="model:openai/big"):
            await plane.clear(ask(run, 20))
    await there.clear(ask(run, 21, model="small"))

    clock.forward(seconds=61)
    probe = await there.clear(ask(run, 22))
    with pytest.raises(BreakerOpen):
        await build().clear(ask(run, 23))
    await there.settle(probe, "well again", Cost(model_calls=1))
    await build().clear(ask(run, 24))
    assert await there.breakers() == []
    kinds = [e["kind"] for e in there.audit.entries() if e["kind"].startswith("breaker")]
    assert kinds == ["breaker_opened", "breaker_closed"]


@pytest.mark.scenario(40)
async def test_a_probe_that_fails_opens_it_again_and_one_that_dies_is_replaced(build, run, clock):
    plane = build()
    await fail(plane, ask(run, 1), times=5)
    clock.forward(seconds=61)
    await fail(plane, ask(run, 10))
    with pytest.raises(BreakerOpen):
        await plane.clear(ask(run, 11))
    clock.forward(seconds=61)
    await plane.clear(ask(run, 12))
    clock.forward(seconds=100)
    with pytest.raises(BreakerOpen):
        await plane.clear(ask(run, 13))
    clock.forward(seconds=100)
    await plane.clear(ask(run, 14))


async def test_a_success_in_between_starts_the_count_anew(plane, run):
    await fail(plane, ask(run, 1), times=4)
    await plane.settle(await plane.clear(ask(run, 5)), "yes", Cost(model_calls=1))
    await fail(plane, ask(run, 6), times=4)
    await plane.clear(ask(run, 10))


async def test_a_refusal_by_the_records_is_no_failure_and_a_timeout_is(plane, run):
    await fail(plane, act(run, "read_claim", args={}, cost=Cost()), times=5, retry=True)
    assert await plane.breakers() == []
    await fail(plane, act(run, "send_letter", 6, args={}, cost=Cost()), times=1)
    assert [b.name for b in await plane.breakers()] == ["tool:send_letter"]


async def test_an_agent_that_gives_no_valid_result_may_not_think(build, run, clock):
    here, there = build(), build()
    for _ in range(5):
        await here.blame_agent(CLAIMS)
    with pytest.raises(BreakerOpen, match="agent:claims"):
        await there.clear(ask(run, 1))
    clock.forward(seconds=61)
    for n in (2, 3):
        await there.settle(await there.clear(ask(run, n)), "thought", Cost(model_calls=1))
    assert [b.name for b in await there.breakers()] == ["agent:claims"], "an answer is not yet a result"
    await there.trust_agent(CLAIMS)
    assert await there.breakers() == []


async def test_thresholds_are_in_the_limits(build, limits, run):
    twice = build(limits=replace(limits, breakers=BreakerRules(failures=2)))
    await fail(twice, ask(run, 1), times=2)
    with pytest.raises(BreakerOpen):
        await twice.clear(ask(run, 3))
    never = build(limits=replace(limits, breakers=BreakerRules(failures=0)))
    await fail(never, ask(run, 4, model="other"), times=6)
    await never.clear(ask(run, 10, model="other"))
