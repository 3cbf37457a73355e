"""Scenario 31: what ended `partial` within a pattern ends nothing around it as completed."""

from __future__ import annotations

import pytest

from governance.outcome import Status, worst
from graphs.concurrent import concurrent
from graphs.pattern import Graph
from graphs.supervisor import supervisor
from models.door import use_model
from models.scripted import ScriptedChatModel
from nodes.assignee import Assignee
from nodes.nested import Compiled
from nodes.reconcile import reconciled
from nodes.resolve import Vote
from tests.scenarios.conftest import Office
from tests.scenarios.managed import BOSS, FOREMAN, assigns, finishes
from tests.scenarios.test_s31_standing_in import PLACES, Place, graph_of, speaks
from tests.scenarios.test_s31_three_deep import RESULTS, held, holding_two
from tests.second.assessors import DOUBT, MONEY, PAST, RULES, assessor, opines

THIRD = assessor("third")
VOTES = {
    "past": [opines("refund")],
    "third": [opines("refund")],
    "doubt": [ValueError("the line is dead")],
}


def flat(place: Place, desk: Office) -> tuple[Compiled, Place, str]:
    return graph_of(place, desk.saver), place, place.path


def panel(name: str) -> Graph:
    """Three assessors, of whom one never says anything; two are enough."""
    found = RESULTS.get(name, {"vote": "refund"})
    return concurrent(
        [PAST, DOUBT, THIRD],
        resolve=[Vote()],
        quorum=2,
        compose=lambda results: reconciled(results) | {"result": dict(found)},
    )


@pytest.mark.scenario(31)
@pytest.mark.parametrize("nest", [flat, held, holding_two])
@pytest.mark.parametrize("name", PLACES)
async def test_a_partial_one_makes_all_around_it_partial_and_says_why(desk, name, nest):
    place = Place(PLACES[name].build, {**PLACES[name].others, **VOTES}, inner=lambda: panel(name))
    graph, team, _ = nest(place, desk)
    speaks(team)

    run = await desk.start(graph)

    assert not run.waiting
    status = Status(run.outcome["status"])
    assert worst([status, Status.PARTIAL]) == status, run.outcome
    assert "doubt: ModelFailed" in "; ".join(run.outcome["reasons"]), run.outcome
    assert "doubt" in "; ".join(run.outcome["undone"]), run.outcome


@pytest.mark.scenario(31)
async def test_a_branch_that_is_partial_gives_its_verdict_and_its_reasons(desk):
    inner = concurrent([PAST, DOUBT, RULES], resolve=[Vote()], quorum=2).compile(name="panel")
    graph = concurrent([inner, MONEY], resolve=[Vote()], quorum="all")
    scripts = {f"Job of {name}.": [opines("refund")] for name in ("past", "rules", "money")}
    use_model(ScriptedChatModel(scripts=scripts | {"Job of doubt.": VOTES["doubt"] * 2}))

    run = await desk.start(graph.compile(name="concurrent", checkpointer=desk.saver))

    assert run.outcome["status"] == "partial"
    assert run.outcome["answer"].startswith("refund (unanimous)")
    assert "panel: doubt: ModelFailed" in "; ".join(run.outcome["reasons"])
    assert run.outcome["undone"] == ["panel: doubt"]


@pytest.mark.scenario(31)
async def test_what_two_managers_above_it_are_told_is_why_it_is_partial(desk):
    vote = Assignee(panel("supervisor").compile(name="vote"), job="Vote.", context="shared")
    team = supervisor(FOREMAN, {"vote": vote}).compile(name="team")
    graph = supervisor(BOSS, {"team": Assignee(team, job="Handle it.", context="shared")})
    lines = [finishes("They voted.")]
    others = {"boss": [assigns("team"), *lines], "foreman": [assigns("vote"), *lines]}
    model = speaks(Place(lambda _: graph, {**others, **VOTES}))

    run = await desk.start(graph.compile(name="supervisor", checkpointer=desk.saver))

    assert run.outcome["status"] == "partial"
    [reason] = run.outcome["reasons"]
    assert reason.startswith("team: vote: doubt: ModelFailed")
    assert run.outcome["undone"] == ["team: vote: doubt"]
    *_, foreman, boss = [prompt.text for prompt in model.prompts]
    assert "doubt: ModelFailed" in foreman
    assert "vote: doubt: ModelFailed" in boss
