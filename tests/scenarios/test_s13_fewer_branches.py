"""Scenario 13 for parallel patterns: from 80 % of the budget on less is done side by side."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from governance.limits import Budget, Limits, load_limits
from graphs.concurrent import concurrent
from graphs.magentic import magentic
from models.door import use_model
from models.scripted import ScriptedChatModel
from nodes.resolve import AskHuman, Vote
from tests.scenarios.conftest import Office, Run, calls
from tests.scenarios.test_magentic import THINKER, YES, thought
from tests.scenarios.test_s24_s27_magentic import LEAD, found, plan
from tests.second import office
from tests.second.assessors import DOUBT, MONEY, PAST, RULES, opines

LESS = {"branches": "quorum", "steps": "one"}


@pytest.fixture
def limits(request: pytest.FixtureRequest) -> Limits:
    """Ten calls in all, of which the first two leave the budget scarce."""
    most = {"run": Budget(model_calls=10), "degrade_at": 0.2, "degrade": getattr(request, "param", LESS)}
    return replace(load_limits(folder=office.PROMPTS / "policies"), **most)


async def assessed(desk: Office, quorum: int, *, at_once: int = 1) -> tuple[Run, ScriptedChatModel]:
    """Four look at a refund, one after another, since one place is all there is."""
    model = ScriptedChatModel(scripts={"": lambda _: opines("refund")})
    use_model(model)
    graph = concurrent([RULES, MONEY, PAST, DOUBT], resolve=[Vote()], quorum=quorum, max_concurrency=at_once)
    return await desk.start(graph.compile(name="concurrent", checkpointer=desk.saver)), model


@pytest.mark.scenario(13)
async def test_agents_whom_the_quorum_can_spare_do_not_begin(desk):
    run, model = await assessed(desk, 2)

    assert model.calls == 2
    left = [entry["body"]["branch"] for entry in run.entries("branch_absent")]
    assert (run.outcome["status"], set(run.outcome["undone"]), len(left)) == ("partial", set(left), 2)
    assert "budget runs low" in run.outcome["reasons"][0]


@pytest.mark.scenario(13)
async def test_whom_the_quorum_needs_begins_however_little_is_left(desk):
    run, model = await assessed(desk, 3)

    assert (model.calls, len(run.outcome["undone"])) == (3, 1)


@pytest.mark.scenario(13)
@pytest.mark.parametrize("limits", [{}], indirect=True)
async def test_it_is_policy_that_says_so(desk):
    run, model = await assessed(desk, 2)

    assert (model.calls, run.outcome["status"]) == (4, "completed")


@pytest.mark.scenario(13)
async def test_who_has_begun_goes_on(desk):
    lines: dict[str, list[Any]] = {
        "rules": [calls("find_order", order_id="T-001"), opines("refund")],
        "money": [calls("find_order", order_id="T-001"), opines("refuse")],
    }
    use_model(ScriptedChatModel(scripts={f"Job of {name}.": said for name, said in lines.items()}))
    graph = concurrent([RULES, MONEY], resolve=[AskHuman(role="claims-lead")], quorum=1)

    run = await desk.start(graph.compile(name="concurrent", checkpointer=desk.saver))

    assert run.waiting, "the second had begun before the budget ran low, so there are two positions"


@pytest.mark.scenario(13)
async def test_an_investigations_steps_are_done_one_at_a_time(desk):
    desk.script(
        plan(thought("s1")),
        YES,
        calls(
            "ProgressLedger",
            satisfied=False,
            progressing=True,
            reason="more",
            next=[thought(f"s{n}") for n in (2, 3, 4)],
        ),
        *[YES] * 3,
        found("s1"),
    )
    compiled = magentic(LEAD, [THINKER], review=None).compile(name="magentic", checkpointer=desk.saver)

    run = await desk.start(compiled)

    history = [state async for state in compiled.aget_state_history(run.config)]
    waves = [state.next.count("investigate") for state in reversed(history) if "investigate" in state.next]
    assert (run.outcome["status"], waves) == ("completed", [1, 1, 1, 1])
    assert [entry["body"]["steps"] for entry in run.entries("steps_held_back")] == [["s3", "s4"], ["s4"]]
