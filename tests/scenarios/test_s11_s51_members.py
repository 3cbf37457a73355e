"""Scenarios 11 and 51 where members work: steps of a plan side by side, and chains in members' places."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from governance.limits import Budget
from graphs.concurrent import concurrent
from graphs.magentic import magentic
from graphs.pattern import Graph
from graphs.sequential import sequential
from graphs.supervisor import supervisor
from models.door import use_model
from models.scripted import ScriptedChatModel
from nodes.assignee import Assignee
from nodes.resolve import Vote
from nodes.worker import Worker
from tests.matrix.crews import LEAD, STEP, Lines, acting
from tests.scenarios.conftest import calls
from tests.scenarios.managed import BOSS, YES, assigns
from tests.scenarios.test_s24_s27_magentic import plan
from tests.scenarios.test_s31_standing_in import decides
from tests.second.assessors import MONEY, RULES, opines
from tests.second.office import STEPS, Verdict, agent


@pytest.mark.scenario(11)
@pytest.mark.parametrize("limits", [{"run": Budget(model_calls=4), "agent": Budget()}], indirect=True)
async def test_six_steps_at_once_cannot_outspend_what_the_plan_left(desk):
    thinkers = [Worker(agent(f"t{n}", "digger", returns=Verdict)) for n in range(6)]
    steps = [{"id": f"s{n}", "worker": f"t{n}", "task": f"Think about {n}"} for n in range(6)]
    desk.script(plan(*steps), *[calls("Verdict", **YES)] * 6)
    graph = magentic(agent("lead", "lead"), thinkers, review=None, max_parallel=6)

    run = await desk.start(graph.compile(name="magentic", checkpointer=desk.saver))

    assert desk.model.calls == 4, "the plan, and three of six"
    assert run.outcome["status"] == "budget_exhausted"
    assert (len(run.outcome["result"]["found"]), len(run.outcome["undone"])) == (3, 3)


def chain() -> Any:
    """The office's: facts that are held against the records, then a refund."""
    return sequential(STEPS).compile(name="acts")


MEMBERS: Mapping[str, tuple[Callable[[], Graph], Mapping[str, Any], str]] = {
    "concurrent": (
        lambda: concurrent([chain(), RULES, MONEY], resolve=[Vote()]),
        {"rules": [opines("refund")], "money": [opines("refund")]},
        "acts/0/escalate/0",
    ),
    "supervisor": (
        lambda: supervisor(BOSS, {"acts": Assignee(chain(), job="Refund it.", context="shared")}),
        {"boss": [assigns("acts")]},
        "acts/0/escalate/0",
    ),
    "magentic": (
        lambda: magentic(LEAD, [Worker(acting(), pattern=chain())], review=None),
        {"planner": [calls("TaskLedger", guessed=[], plan=[STEP])]},
        "step_s1/0/escalate/0",
    ),
}


@pytest.mark.scenario(51)
@pytest.mark.parametrize("name", MEMBERS)
async def test_a_members_value_that_contradicts_the_records_stops_before_any_effect(desk, name):
    build, said, path = MEMBERS[name]
    lines = {**said, "read": [calls("Facts", order_id="T-001", amount=9_999)]}
    model = ScriptedChatModel(scripts={f"Job of {who}.": Lines(each) for who, each in lines.items()})
    use_model(model)

    run = await desk.start(build().compile(name="concurrent", checkpointer=desk.saver))

    [asked] = run.waiting
    assert asked["path"] == path
    assert "cost 4000" in asked["action_requests"][0]["description"]
    assert [prompt.key for prompt in model.prompts].count("Job of read.") == 1, "asked again it would hide it"
    assert run.entries("contradiction")
    await decides(desk, run, "reject")
    assert run.outcome["status"] == "rejected"
    assert desk.refunds() == []
