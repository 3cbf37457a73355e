"""Scenarios 8 to 10 for a fan-out: how a disagreement is settled, and what is left of it."""

from __future__ import annotations

import json

import pytest

from nodes.resolve import HighestAuthority
from tests.scenarios.assessed import (
    BROKEN,
    CHAIN,
    FOUR,
    say,
    team,
    tied,
)
from tests.scenarios.conftest import LENA, calls
from tests.second.assessors import opines


@pytest.mark.scenario(8)
async def test_a_tie_goes_to_the_arbiter_who_is_asked_once(desk):
    model = tied(arbiter=[opines("refuse", 66, why="once is enough")])

    run = await desk.start(team(desk, *FOUR, **CHAIN))

    assert run.outcome["status"] == "completed"
    assert run.outcome["result"]["choice"] == "refuse"
    assert run.outcome["result"]["settled_by"] == "arbiter"
    assert [prompt.key for prompt in model.prompts].count("Job of arbiter.") == 1
    shown = model.prompts[-1].text
    assert "seen: the rules allow it" in shown
    assert "seen: it was refunded before" in shown
    assert [each["branch"] for each in run.outcome["dissent"]] == ["rules", "money"]
    routes = [entry for entry in run.entries("cleared") if entry["action"] == "route"]
    assert len(routes) == 1, "who decides is a routing decision, and cleared"


@pytest.mark.scenario(8)
@pytest.mark.parametrize(
    "arbiter",
    [[opines("look")], BROKEN, [calls("Opinion", choice="perhaps")] * 3],
    ids=["new", "broken", "invalid"],
)
async def test_still_tied_a_person_gets_both_positions_with_their_evidence(desk, arbiter):
    model = tied(arbiter=arbiter)
    run = await desk.start(team(desk, *FOUR, **CHAIN))

    (asked,) = run.waiting
    shown = asked["action_requests"][0]["description"]
    assert "seen: the rules allow it" in shown
    assert "seen: it was refunded before" in shown
    assert [task.name for task in (await run.graph.aget_state(run.config)).tasks] == ["ask_human"]
    before = model.calls
    await run.resume()
    assert run.waiting, "a resume without a decision on record is only a wake-up"
    await desk.plane.decide(
        LENA, {"approval_id": asked["approval_id"], "type": "approve", "message": "goodwill"}
    )
    await run.resume()

    assert run.outcome["status"] == "completed"
    assert run.outcome["result"]["choice"] == "refuse", "two each; these are surer"
    assert run.outcome["result"]["settled_by"] == "claims-lead lena"
    assert model.calls == before


@pytest.mark.scenario(8)
async def test_a_persons_edit_takes_another_choice_and_nonsense_is_asked_again(desk):
    tied(arbiter=BROKEN)
    run = await desk.start(team(desk, *FOUR, **CHAIN))

    for values in ("perhaps", "perhaps", json.dumps({"choice": "look"})):
        asked = run.waiting[0]
        edited = {"name": "ask_human", "args": {"step": "ask_human", "values": values}}
        answer = {"approval_id": asked["approval_id"], "type": "edit", "edited_action": edited}
        await desk.plane.decide(LENA, answer)
        await run.resume()

    assert run.outcome["result"]["choice"] == "look"
    assert len(run.outcome["dissent"]) == 4
    assert run.outcome["status"] == "completed"


@pytest.mark.scenario(8)
async def test_a_persons_no_ends_it_as_rejected_with_all_verdicts_kept(desk):
    tied(arbiter=BROKEN)
    run = await desk.start(team(desk, *FOUR, **CHAIN))

    await desk.plane.decide(LENA, {"approval_id": run.waiting[0]["approval_id"], "type": "reject"})
    await run.resume()

    assert run.outcome["status"] == "rejected"
    assert "choice" not in run.outcome["result"]
    assert len(run.outcome["result"]["verdicts"]) == 4


async def test_a_tie_that_nothing_settles_is_escalated(desk):
    tied()

    run = await desk.start(team(desk, *FOUR))

    assert run.outcome["status"] == "escalated"
    assert run.outcome["answer"] == ""


@pytest.mark.scenario(9)
async def test_authority_wins_and_the_dissent_is_kept(desk):
    say(rules=[opines("refund", 95)], money=[opines("refund", 95)], past=[opines("refuse", 51, why="twice")])

    run = await desk.start(team(desk, resolve=[HighestAuthority(["past", "rules", "money"])]))

    assert run.outcome["status"] == "completed"
    assert run.outcome["result"]["choice"] == "refuse"
    assert run.outcome["evidence"] == [{"source": "find_order", "quote": "seen: twice"}]
    dissent = run.outcome["dissent"]
    assert [each["branch"] for each in dissent] == ["rules", "money"]
    assert all(each["evidence"] for each in dissent)
    logged = [entry["body"] for entry in run.entries("dissent")]
    assert logged == dissent


@pytest.mark.scenario(10)
async def test_all_branches_fail_and_so_does_the_run(desk):
    say(rules=BROKEN, money=BROKEN, past=BROKEN)

    run = await desk.start(team(desk, quorum="any"))

    assert run.outcome["status"] == "failed"
    assert run.outcome["undone"] == ["rules", "money", "past"]
    assert (await desk.plane.record(run.id)).state == "ended"
