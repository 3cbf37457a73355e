"""Scenario 31 for every pattern that holds others: three deep it asks once, acts once, and all counts."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from cli.draw import svg
from governance.limits import Budget
from governance.verify import verify
from graphs.concurrent import concurrent
from graphs.handoff import handoff
from graphs.sequential import sequential
from nodes.nested import Compiled
from nodes.reconcile import reconciled
from nodes.resolve import Vote
from nodes.step import Step
from tests.matrix.crews import READS, look, pay
from tests.scenarios.conftest import Office, calls
from tests.scenarios.test_s31_standing_in import PLACES, READ, Place, decides, graph_of, named, speaks
from tests.second.assessors import DOUBT, PAST, assessor, opines
from tests.second.office import agent, find_order

CLERK = agent("clerk", "cashier", tools=(find_order,))
HANDS_OVER = {"clerk": [calls("transfer_to_deep", reason="they refund")]}


def passed_on(results: Mapping[str, Any]) -> dict[str, Any]:
    said = dict(results.get("deep", {}))
    return {"answer": said.pop("answer", ""), "evidence": said.pop("evidence", []), "result": said}


def holding_two(place: Place, desk: Office) -> tuple[Compiled, Place, str]:
    """The place, in it a handoff, in that the agent's own pattern."""
    deep = named(place.inner().compile(name="deep"))
    middle = handoff([CLERK, deep], edges={"clerk": ["deep"]}, compose=passed_on).compile(name="refunds")
    graph = place.build(middle).compile(name="handoff", checkpointer=desk.saver)
    return graph, Place(place.build, {**place.others, **HANDS_OVER}, ends=place.ends), f"{place.path}/deep/0"


def held(place: Place, desk: Office) -> tuple[Compiled, Place, str]:
    """A chain, in it the place, in that the agent's own pattern."""
    middle = place.build(place.inner().compile(name="refunds")).compile(name="team")
    graph = sequential([Step(READS), middle]).compile(name="handoff", checkpointer=desk.saver)
    return graph, Place(place.build, {**READ, **place.others}, ends=place.ends), f"team/0/{place.path}"


both_ways = pytest.mark.parametrize("nest", [holding_two, held])
every_place = pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)


@pytest.mark.scenario(31)
@both_ways
@every_place
async def test_it_surfaces_at_the_root_and_nobody_beside_it_works_again(desk, place, nest):
    graph, team, path = nest(place, desk)
    model = speaks(team, look("T-002"), pay("T-002", 90_000))
    run = await desk.start(graph, "Refund T-002 please")
    assert [asked["path"] for asked in run.waiting] == [f"{path}/acts/0"]
    assert desk.refunds() == []
    state = await graph.aget_state(run.config, subgraphs=True)
    assert [task.name for task in state.tasks if task.state], "Studio shows what waits inside"

    run.graph = nest(place, desk)[0]  # built again, as in another process
    await decides(desk, run, "approve")

    assert run.outcome["status"] == "completed", run.outcome
    assert [row[:2] for row in desk.refunds()] == [("T-002", 90_000)]
    asked = [(prompt.key, prompt.text) for prompt in model.prompts]
    assert len(set(asked)) == len(asked), "nobody is asked the same again"
    assert run.outcome["usage"]["model_calls"] == model.calls
    [requested] = run.entries("approval_requested")
    [paid] = [entry for entry in run.entries("settled") if entry["action"] == "refund"]
    assert all(f"/{path}/acts/0/" in entry["key"] for entry in (requested, paid))
    assert (await asyncio.to_thread(verify, desk.plane.audit)).whole


@pytest.mark.scenario(31)
@pytest.mark.parametrize("limits", [{"run": Budget(model_calls=2), "agent": Budget()}], indirect=True)
@every_place
async def test_the_budget_of_the_run_is_that_of_the_deepest(desk, place):
    graph, team, _ = holding_two(place, desk)
    model = speaks(team, look("T-002"), pay("T-002", 90_000))

    run = await desk.start(graph, "Refund T-002 please")

    assert (run.outcome["status"], model.calls) == ("budget_exhausted", 2)
    assert desk.refunds() == []


@pytest.mark.scenario(31)
@pytest.mark.parametrize("name", PLACES)
async def test_pictures_look_inside(desk, name):
    for nest in (holding_two, held):
        graph, _, path = nest(PLACES[name], desk)
        drawn = graph.get_graph(xray=True)
        assert [
            node for node in drawn.nodes if node.count(":") == path.count("/0") and node.endswith(":acts")
        ]
        assert ">acts<" in svg(graph, "nested")
        if name != "adaptive":  # here three rungs are the same graph, and Mermaid wants names of their own
            assert drawn.draw_mermaid().count("subgraph ") == path.count("/0")


RESULTS: Mapping[str, Mapping[str, Any]] = {
    "checker": {"verdict": "satisfied", "findings": []},
    "concurrent": {"choice": "refund", "confidence": 80, "reason": "most say so"},
}


@pytest.mark.scenario(31)
@pytest.mark.parametrize("name", PLACES)
async def test_who_disagreed_within_it_is_heard_once(desk, name):
    voters = [PAST, DOUBT, assessor("third")]
    found = RESULTS.get(name, {"vote": "refund"})
    inner = concurrent(
        voters, resolve=[Vote()], compose=lambda results: reconciled(results) | {"result": dict(found)}
    )
    votes = {voter.name: [opines("refund")] for voter in voters}
    votes["third"] = [opines("refuse", why="it was paid before")]
    place = Place(PLACES[name].build, {**PLACES[name].others, **votes}, inner=lambda: inner)
    speaks(place)

    run = await desk.start(graph_of(place, desk.saver))

    assert run.outcome["status"] == "completed", run.outcome
    assert [(each["branch"], each["choice"]) for each in run.outcome["dissent"]] == [("third", "refuse")]
