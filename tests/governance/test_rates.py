"""Rates: a bucket is shared by all processes, refills by itself, and is drawn on by whole acts."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from governance.acts import Cost
from governance.errors import RateLimited
from governance.limits import Limits, Rate
from tests.governance.conftest import CLAIMS, CONTRACT, NOAH, SAM, act


def read(run, sequence, action="read_claim", **more):
    return act(run, action, sequence, args={}, **more)


async def test_above_the_rate_an_act_is_refused_in_every_process(build, limits, run, clock):
    rated = replace(limits, rates={"tool:read_claim": Rate(per_minute=6, burst=2)})
    planes = [build(limits=rated) for _ in range(2)]
    for n, plane in enumerate(planes):
        await plane.clear(read(run, n))
    with pytest.raises(RateLimited, match="tool:harbor/read_claim"):
        await build(limits=rated).clear(read(run, 3))
    await planes[0].clear(read(run, 4, action="send_letter"))
    clock.forward(seconds=10)
    await planes[0].clear(read(run, 5))
    with pytest.raises(RateLimited):
        await planes[1].clear(read(run, 6))
    refusals = [e["body"]["refusal"] for e in planes[0].audit.entries(run=run.id, kind="refused")]
    assert refusals == ["RateLimited"] * 2


async def test_an_act_that_waits_holds_up_nobody_and_goes_on_in_its_turn(build, limits, run, clock):
    plane = build(limits=replace(limits, rates={"tool:read_claim": Rate(per_minute=1, over="wait")}))
    await plane.clear(read(run, 1))
    waiting = asyncio.create_task(plane.clear(read(run, 2)))
    await asyncio.sleep(0.05)
    await plane.clear(read(run, 3, action="send_letter"))
    assert not waiting.done()
    clock.forward(minutes=1)
    assert (await waiting).attempt == 1


async def test_what_one_bucket_refuses_takes_nothing_from_another(build, limits, run, clock):
    rates = {"tool:read_claim": Rate(per_minute=1), "agent:claims": Rate(per_minute=2, burst=3)}
    plane = build(limits=replace(limits, rates=rates))
    await plane.clear(read(run, 1))
    for n in range(5):
        with pytest.raises(RateLimited, match="tool:"):
            await plane.clear(read(run, 2 + n))
    for n in range(2):
        await plane.clear(read(run, 10 + n, action="send_letter"))
    with pytest.raises(RateLimited, match="agent:harbor/claims"):
        await plane.clear(act(run, sequence=12))


@pytest.mark.parametrize("kind", ["user", "tenant", "agent"])
async def test_each_has_a_bucket_of_its_own(build, limits, run, kind):
    plane = build(limits=replace(limits, rates={f"{kind}:*": Rate(per_minute=1)}))
    await plane.clear(read(run, 1))
    with pytest.raises(RateLimited):
        await plane.clear(read(run, 2))
    if kind == "agent":
        await plane.clear(read(run, 3, agent=replace(CLAIMS, name="letters")))
    other = await plane.open_run(graph="g", user=NOAH, contract=CONTRACT, input={})
    await plane.clear(read(other, 1))
    own = await plane.open_run(graph="g", user=SAM, contract=CONTRACT, input={})
    with pytest.raises(RateLimited):
        await plane.clear(read(own, 1))


async def test_a_replay_takes_nothing(build, limits, run):
    plane = build(limits=replace(limits, rates={"tenant:*": Rate(per_minute=1)}))
    await plane.settle(await plane.clear(read(run, 1)), "read", Cost(tool_calls=1))
    for _ in range(3):
        assert (await plane.clear(read(run, 1))).replay == "read"


@pytest.mark.parametrize("name", ["model:x", "send_letter", "tools:send_letter"])
def test_a_rate_of_something_else_is_a_clear_no(name):
    with pytest.raises(ValueError, match="isn't KIND:NAME"):
        Limits(rates={name: Rate(1)})
