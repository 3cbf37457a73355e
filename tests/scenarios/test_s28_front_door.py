"""Scenario 28 at the front door: the choice, its reason, and what is no work of ours."""

from __future__ import annotations

from dataclasses import replace

import pytest

from governance.choices import explanations
from graphs.pattern import PatternError
from graphs.single import single
from tests.scenarios.conftest import calls, says
from tests.scenarios.front_door import front_door, graph, patterns, picks, why
from tests.second import office


@pytest.mark.scenario(28)
async def test_a_trivial_task_takes_one_call_beyond_the_choice(desk):
    trivial = (replace(office.JOBS[0], plan=tuple(graph("answer"))), *office.JOBS[1:])
    plain = office.agent("answer", "reader")
    graphs = patterns() | {"single": single(plain).compile(name="single")}
    desk.script(picks("lookup"), says("Monday to Friday."))

    run = await desk.start(front_door(desk, graphs, jobs=trivial))

    assert run.outcome["status"] == "completed"
    assert desk.model.calls == 2
    assert run.outcome["usage"]["model_calls"] == 2
    assert run.outcome["usage"]["tool_calls"] == 0


@pytest.mark.scenario(28)
async def test_the_choice_is_logged_with_the_numbers_it_rests_on(desk):
    desk.script(picks("lookup"), calls("find_order", order_id="T-001"), says("It cost 40.00."))

    run = await desk.start(front_door(desk))

    [choice] = await explanations(desk.plane, run.id)
    assert choice.unaltered
    assert choice.body["to"] == "single"
    assert choice.body["rule"]["name"] == "one specialist"
    assert choice.body["shape"]["width"] == 1
    assert run.outcome["result"]["routed"]["pattern"] == "single"
    [judged] = run.entries("pattern_judged")
    assert judged["body"]["quality"] == 100


@pytest.mark.scenario(28)
async def test_the_choosers_plan_decides_the_topology_within_the_ladder(desk):
    plan = [{"name": "x", "skill": "orders"}, {"name": "y", "skill": "refunds"}]
    desk.script(picks("lookup", plan=plan), says("Done."))

    run = await desk.start(front_door(desk))

    assert (await why(run))[0]["to"] == "handoff"
    assert (await why(run))[0]["planned_by"] == "chooser"


@pytest.mark.scenario(28)
async def test_what_is_no_work_of_ours_goes_to_a_person(desk):
    desk.script(picks("other"))

    run = await desk.start(front_door(desk), "Write a poem")

    assert run.outcome["status"] == "escalated"
    assert "a person has to look at it" in run.outcome["reasons"][0]
    assert desk.model.calls == 1
    assert (await why(run))[0]["to"] == "person"


@pytest.mark.scenario(28)
async def test_an_unknown_job_is_asked_again_and_ends_typed(desk):
    desk.script(*[picks("poetry")] * 3)

    run = await desk.start(front_door(desk))

    assert run.outcome["status"] == "failed"
    assert desk.model.calls == 3


def test_a_front_door_that_makes_no_sense_is_not_built(desk):
    with pytest.raises(PatternError, match="may name"):
        front_door(desk, jobs=office.JOBS[:2])
    with pytest.raises(PatternError, match="no job's ladder leads to swarm"):
        front_door(desk, patterns() | {"swarm": patterns()["single"]})
