"""Scenario 30: the front door learns from outcomes, within what policy allows."""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from governance import plane_runs
from governance.choices import Trial, explanations, record, trials
from governance.front_door import FrontDoor
from governance.limits import Limits, load_limits
from governance.policy import PolicyEngine
from governance.principals import User
from nodes.selection import Job, select
from tests.scenarios.conftest import says
from tests.scenarios.front_door import coin, front_door, picks, why
from tests.second import office
from tests.second.rules import gathered


@pytest.fixture
def numbered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs get ids in order, so that the draws are the same each time."""
    numbers = count()
    monkeypatch.setattr(plane_runs, "new_id", lambda kind, digits: f"{kind}-{next(numbers):0{digits}x}")


FORBIDDEN = """
@id("no-swarms")
@reason("Swarms are not for this office.")
forbid (principal, action == Action::"route", resource == Agent::"sequential")
when { context.user_roles.contains("no-chains") };
"""


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> PolicyEngine:
    """The office's policies, with one more: people of a certain role get no chains."""
    return gathered(tmp_path_factory.mktemp("policies"), rule=FORBIDDEN)


@pytest.mark.scenario(30)
@pytest.mark.usefixtures("numbered")
async def test_the_better_pattern_is_learned_also_when_it_changes_and_forbidden_ones_are_never_tried(desk):
    chance = {"single": 0.2, "handoff": 0.9, "sequential": 1.0}
    seed = random.Random(30)
    built = front_door(desk, {name: coin(name, chance, seed) for name in chance}, max_climbs=0)
    user = User("sam", "harbor", frozenset({"customer-agent", "no-chains"}))
    desk.script(*[picks("lookup")] * 200)

    went = []
    for number in range(200):
        if number == 100:
            chance |= {"single": 0.9, "handoff": 0.2}
        run = await desk.start(built, user=user)
        [choice] = await why(run)
        went.append(choice["to"])
        assert choice["ruled_out"] == {"sequential": "Swarms are not for this office."}

    parts = [Counter(went[start : start + 40]) for start in (0, 60, 160)]
    assert set(went) == {"single", "handoff"}, "what policy forbids is never tried"
    assert set(went[: FrontDoor().evidence]) == {"single"}, "without evidence the rule decides"
    assert parts[1]["handoff"] > 32 > parts[0]["handoff"]
    assert parts[2]["single"] > 28, "the best pattern changed midway"


@pytest.mark.scenario(30)
async def test_what_is_no_better_for_its_cost_leaves_the_front_door_and_is_named(desk):
    def tried(pattern: str, quality: int, tokens: int) -> Trial:
        return Trial("lookup", pattern, "completed", quality, 2, tokens, 0, 900)

    job, rules = office.JOBS[0], FrontDoor()
    costly = [tried("single", 90, 1000), tried("handoff", 90, 5000)] * 30
    better = [tried("single", 30, 1000), tried("handoff", 90, 5000)] * 30
    few = costly[:10]
    told: dict[str, Any] = {"reason": "", "ruled_out": {}, "limits": rules}

    gone = [select(job, (), trials=costly, seed=str(n), **told) for n in range(50)]
    stays = [select(job, (), trials=better, seed=str(n), **told) for n in range(50)]
    early = select(job, (), trials=few, seed="0", **told)

    assert all(set(s.left) == {"handoff"} and s.to != "handoff" for s in gone)
    assert "single, which is simpler" in gone[0].left["handoff"]
    assert all(not s.left for s in [*stays, early])
    assert Counter(s.to for s in stays)["handoff"] > 35
    forgotten = [tried("single", 90, 1000)] * 60 + costly
    assert not select(job, (), trials=forgotten, seed="0", **told).left, "in time it is tried again"


@pytest.mark.scenario(30)
async def test_an_outcome_is_recorded_once_in_its_tenant(desk):
    desk.script(picks("lookup"), says("It cost 40.00."))
    run = await desk.start(front_door(desk))
    kept = await trials(desk.plane, "harbor", "lookup")
    admitted = await desk.plane.run(run.id)
    await record(desk.plane, admitted, "single/0", replace(kept[0], quality=0))

    assert await trials(desk.plane, "harbor", "lookup") == kept
    assert [(t.pattern, t.status, t.quality, t.model_calls) for t in kept] == [
        ("single", "completed", 100, 1)
    ]
    assert await trials(desk.plane, "lakeside", "lookup") == []
    assert await trials(desk.plane, "harbor", "refund") == []


@pytest.mark.scenario(30)
async def test_an_altered_explanation_is_noticed(desk):
    desk.script(picks("lookup"), says("It cost 40.00."))
    run = await desk.start(front_door(desk))
    body = (await why(run))[0] | {"to": "handoff"}
    await desk.plane.store.transact(
        lambda tx: tx.execute(
            "UPDATE journal SET result = ? WHERE run = ? AND seam = 'route'", (json.dumps(body), run.id)
        )
    )

    [altered] = await explanations(desk.plane, run.id)
    assert not altered.unaltered


def test_limits_that_make_no_sense_are_refused():
    assert load_limits().front_door.evidence == 10
    with pytest.raises(ValueError, match="front_door"):
        Limits(front_door=FrontDoor(forget=0))


@pytest.mark.scenario(30)
async def test_a_choice_that_is_made_again_is_the_same(desk):
    """The journaled choice stands, whatever was recorded in between."""
    desk.script(picks("lookup"), says("It cost 40.00."), says("It cost 40.00."))
    built = front_door(desk)
    run = await desk.start(built)
    first = [s async for s in built.aget_state_history(run.config) if s.next == ("choose",)][-1]
    other = await desk.plane.run(run.id)
    for number in range(40):
        bad = Trial("lookup", "single", "failed", 0, 1, 9, 0, 1)
        await record(desk.plane, other, f"elsewhere/{number}", bad)

    old = {**run.config["configurable"], **first.config["configurable"]}
    again = await built.ainvoke(None, {"configurable": old}, durability="sync")

    assert again["outcome"]["result"]["routed"]["pattern"] == "single"
    assert [choice["to"] for choice in await why(run)] == ["single"]
    assert desk.model.calls == 2, "the run has ended and every answer is in the journal"


def test_the_job_without_rungs_keeps_its_name():
    selection = select(Job("other"), (), reason="", ruled_out={}, trials=(), limits=FrontDoor(), seed="a")
    assert (selection.to, selection.by) == ("person", "nobody")


async def test_where_policy_forbids_every_rung_the_request_is_denied(desk):
    desk.script(picks("refund"))
    user = User("sam", "harbor", frozenset({"customer-agent", "no-chains"}))
    graph = front_door(desk)

    run = await desk.start(graph, user=user)

    assert (run.outcome["status"], desk.model.calls) == ("denied", 1)
