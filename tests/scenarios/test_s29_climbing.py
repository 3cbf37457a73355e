"""Scenario 29: a rung that fails the quality gate leads one up, within bounds."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import pytest

from governance.limits import Budget
from graphs.single import single
from tests.scenarios.conftest import LENA, calls, says
from tests.scenarios.front_door import answer, coin, front_door, patterns, picks, why
from tests.second import office


@pytest.mark.scenario(29)
async def test_a_failed_rung_goes_one_up_and_the_higher_one_starts_from_the_request(desk):
    desk.script(picks("lookup"), *[says("")] * 3, says("It cost 40.00."))

    run = await desk.start(front_door(desk))

    assert run.outcome["status"] == "completed"
    assert run.outcome["result"]["routed"]["pattern"] == "handoff"
    assert "single: failed" in run.outcome["reasons"][0]
    assert [choice["to"] for choice in await why(run)] == ["single", "handoff"]
    assert len(desk.model.prompts[-1].messages) == 2, "the request, and nothing of what failed"
    assert [e["body"]["quality"] for e in run.entries("pattern_judged")] == [0, 100]


@pytest.mark.scenario(29)
@pytest.mark.parametrize("most", [0, 1, 3])
async def test_it_climbs_at_most_so_often(desk, most):
    desk.script(picks("lookup"))
    hopeless = {name: coin(name, dict.fromkeys(patterns(), 0.0), random.Random(0)) for name in patterns()}

    run = await desk.start(front_door(desk, hopeless, max_climbs=most))

    assert run.outcome["status"] == "failed"
    assert [choice["to"] for choice in await why(run)] == ["single", "handoff", "sequential"][: 1 + most]
    last = "there is no rung above" if most == 3 else "as often as it may be"
    assert last in run.outcome["reasons"][-1]


@pytest.mark.scenario(29)
async def test_a_person_is_asked_on_the_last_rung_only(desk):
    desk.script(picks("lookup"), *[says("")] * 6)

    run = await desk.start(front_door(desk, max_climbs=1))

    assert [choice["to"] for choice in await why(run)] == ["single", "handoff"]
    assert len(run.waiting) == 1


@pytest.mark.scenario(29)
async def test_nothing_that_had_an_effect_is_tried_again(desk):
    paid = {"order_id": "T-001", "amount": 4000}
    iban = await desk.plane.vault.token("harbor", "iban", office.IBANS["ann"])
    desk.script(picks("lookup"), calls("refund", iban=iban, **paid), *[says("")] * 3)

    run = await desk.start(front_door(desk))

    assert [row[:2] for row in desk.refunds()] == [("T-001", 4000)]
    await desk.plane.decide(LENA, answer(run, "reject", message="it is paid"))
    await run.resume()
    assert run.outcome["status"] == "failed"
    assert "may have acted: refund" in run.outcome["reasons"][-1]
    assert len(await why(run)) == 1


@pytest.mark.scenario(29)
async def test_a_persons_no_is_not_gone_round(desk):
    both = (office.JOBS[0], replace(office.JOBS[1], ladder=("sequential", "handoff")), office.JOBS[2])
    good, wrong = ({"order_id": "T-001", "amount": amount} for amount in (4000, 9999))
    desk.script(picks("refund"), calls("Facts", **wrong), *[says("I can't say")] * 3)
    run = await desk.start(front_door(desk, jobs=both))
    edited = {"name": "ask_human", "args": {"step": "read", "values": json.dumps(good)}}
    await desk.plane.decide(LENA, answer(run, "edit", edited_action=edited))
    await run.resume()
    assert desk.model.calls == 5
    assert run.waiting, "a person has been asked before, so no other pattern is tried instead"

    await desk.plane.decide(LENA, answer(run, "reject", message="illegible"))
    await run.resume()

    assert run.outcome["status"] == "failed"
    assert "a person was asked" in run.outcome["reasons"][-1]
    assert len(await why(run)) == 1


@pytest.mark.scenario(29)
async def test_denied_is_a_no_and_no_reason_to_climb(desk):
    desk.script(picks("lookup"), calls("refund", order_id="T-003", amount=1, iban="x"), says("I may not."))

    run = await desk.start(front_door(desk))

    assert run.outcome["status"] == "denied"
    assert len(await why(run)) == 1
    assert run.entries("pattern_judged") == []


@pytest.mark.scenario(29)
async def test_without_budget_there_is_no_climbing(desk):
    desk.script(picks("lookup"), *[says("")] * 3)
    tight = replace(desk.plane.limits, run=Budget(model_calls=5, handoffs=6))
    object.__setattr__(desk.plane, "limits", tight)
    run = await desk.start(front_door(desk))

    assert run.waiting, "who has no budget to try another pattern asks a person"
    await desk.plane.decide(LENA, answer(run, "reject", message="too dear"))
    await run.resume()
    assert desk.model.calls == 4
    assert run.outcome["status"] == "failed"


class Sure(office.Verdict):
    """A verdict with how sure it is."""

    answer: str
    confidence: int


@pytest.mark.scenario(29)
@pytest.mark.parametrize(("sure", "ends"), [(10, "escalated"), (80, "completed")])
async def test_too_unsure_or_without_a_source_never_reads_as_a_normal_answer(desk, sure, ends):
    unsure = single(office.agent("judge", "reader", returns=Sure)).compile(name="single")
    jobs = (replace(office.JOBS[0], ladder=("single",)), *office.JOBS[1:])
    line = calls("Sure", refund=True, reason="so it seems", answer="yes", confidence=sure)
    graphs = patterns() | {"single": unsure}
    del graphs["handoff"]
    desk.script(picks("lookup"), line)

    run = await desk.start(front_door(desk, graphs, jobs=jobs))

    assert run.outcome["status"] == ends

    sourced = (replace(jobs[0], sources=True), *jobs[1:])
    desk.script(picks("lookup"), calls("Sure", refund=True, reason="so", answer="yes", confidence=99))
    run = await desk.start(front_door(desk, graphs, jobs=sourced))
    assert run.outcome["status"] == "escalated"
    assert "without a source" in run.outcome["reasons"][-1]
