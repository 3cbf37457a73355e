"""Scenarios 24 to 27, and the caps of 10: an investigation is bounded, reviewed and not done too early."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from langgraph.graph.state import CompiledStateGraph

from governance.control import ControlPlane, use_control
from governance.principals import User
from graphs.magentic import magentic
from nodes.plan_review import PlanReview
from nodes.worker import Worker
from tests.scenarios.conftest import LENA, Office, Run, calls
from tests.second.office import agent, find_order

LEAD = agent("lead", "lead")
DIGGER = Worker(agent("digger", "digger"), lookup=find_order)
CONSTRAINT = 'Count only orders that were "paid", never drafts: 100 %.'


@dataclass
class Clock:
    now: dt.datetime = dt.datetime(2026, 7, 1, 9, tzinfo=dt.UTC)

    def __call__(self) -> dt.datetime:
        return self.now


@pytest.fixture
def clock(desk: Office) -> Clock:
    """The same plane with a clock that the test moves."""
    clock, plane = Clock(), desk.plane
    desk.plane = ControlPlane(plane.settings, plane.store, plane.policy, plane.limits, plane.vault, clock)
    use_control(desk.plane)
    return clock


def team(desk: Office, **knobs: Any) -> CompiledStateGraph:
    return magentic(LEAD, [DIGGER], **knobs).compile(name="magentic", checkpointer=desk.saver)


def step(name: str, order: str = "T-001", **more: Any) -> dict[str, Any]:
    return {"id": name, "worker": "digger", "task": f"Find {order}", "args": {"order_id": order}, **more}


def plan(*steps: dict[str, Any]) -> AIMessage:
    return calls("TaskLedger", guessed=["it may cost 40.00"], plan=list(steps))


def judged(**said: Any) -> AIMessage:
    return calls("ProgressLedger", **{"satisfied": False, "progressing": True, "reason": "so far", **said})


def found(*results: str) -> AIMessage:
    said = [{"statement": "T-001 cost 4000 cents.", "results": list(results)}]
    return judged(satisfied=True, findings=said)


async def answer(desk: Office, run: Run, kind: str, user: User = LENA, **args: Any) -> Run:
    """Answer the review that the run waits for; `args` are what an edit changes."""
    asked = run.waiting[0]
    said: dict[str, Any] = {"type": kind}
    if kind == "edit":
        action = asked["action_requests"][0]
        said["edited_action"] = {"name": action["name"], "args": action["args"] | args}
    await desk.plane.decide(user, {"approval_id": asked["approval_id"], "decisions": [said]})
    return await run.resume()


def looked_up(run: Run) -> list[str]:
    return [
        entry["body"]["args"]["order_id"]
        for entry in run.entries("cleared")
        if entry["action"] == "find_order"
    ]


@pytest.mark.scenario(24)
@pytest.mark.parametrize("ledger", ["garbage", "unrunnable"])
async def test_a_task_ledger_that_is_never_valid_is_bounded_and_escalated(desk, ledger):
    bad = {"garbage": calls("TaskLedger", plan="later"), "unrunnable": plan(step("s1", needs=["s1"]))}
    desk.script(*[bad[ledger]] * 40)

    run = await desk.start(team(desk))

    assert desk.model.calls < 20
    assert run.outcome["status"] == "escalated"
    assert looked_up(run) == []


@pytest.mark.scenario(24)
async def test_a_progress_ledger_that_is_never_valid_is_bounded_and_escalated(desk):
    desk.script(plan(step("s1")), *[found("s9")] * 40)

    run = await desk.start(team(desk, review=None))

    assert desk.model.calls < 20
    assert run.outcome["status"] == "escalated"
    assert "4000" in run.outcome["answer"], "what was found is handed over"


@pytest.mark.scenario(25)
async def test_a_constraint_is_in_every_later_planning_prompt_word_for_word(desk):
    desk.script(
        plan(step("s1")),
        plan(step("s2")),
        judged(progressing=False, next=[step("s3", "T-002", required=False)]),
        plan(step("s4", "T-002")),
        found("s2"),
    )
    run = await desk.start(team(desk, max_stalls=0))
    await answer(desk, run, "edit", constraint=CONSTRAINT)
    while run.waiting:
        await answer(desk, run, "approve")

    planning = [p for p in desk.model.prompts if "TaskLedger" in p.tools]
    assert len(planning) == 3, "first, under the constraint, after the stall"
    assert run.outcome["result"]["resets"] == 1
    assert CONSTRAINT not in planning[0].text
    assert all(CONSTRAINT in p.text for p in planning[1:])
    assert all(CONSTRAINT in p.text for p in desk.model.prompts[1:])


@pytest.mark.scenario(26)
async def test_an_approved_plan_is_run(desk):
    desk.script(plan(step("s1")), found("s1"))
    run = await desk.start(team(desk))
    assert looked_up(run) == [], "nothing runs before"

    await answer(desk, run, "approve")

    assert run.outcome["status"] == "completed"
    assert run.outcome["answer"] == "T-001 cost 4000 cents. [s1]"
    assert looked_up(run) == ["T-001"]


@pytest.mark.scenario(26)
async def test_an_edited_plan_is_run_as_edited(desk):
    desk.script(plan(step("s1")), found("mine"))
    run = await desk.start(team(desk))

    await answer(desk, run, "edit", values=json.dumps([step("mine", "T-002")]))

    assert run.outcome["status"] == "completed"
    assert looked_up(run) == ["T-002"]


@pytest.mark.scenario(26)
async def test_an_edit_that_cannot_be_run_is_asked_again(desk):
    desk.script(plan(step("s1")), found("s1"))
    run = await desk.start(team(desk))

    await answer(desk, run, "edit", values='[{"id": "s1", "worker": "nobody"}]')

    assert "can't be run" in run.waiting[0]["action_requests"][0]["description"]
    await answer(desk, run, "approve")
    assert run.outcome["status"] == "completed"


@pytest.mark.scenario(26)
async def test_a_rejected_plan_runs_nothing(desk):
    desk.script(plan(step("s1")))
    run = await desk.start(team(desk))

    await answer(desk, run, "reject")

    assert run.outcome["status"] == "rejected"
    assert looked_up(run) == []
    assert desk.model.calls == 1
    assert run.outcome["undone"] == ["s1: Find T-001 (not run)"]


@pytest.mark.scenario(26)
async def test_a_time_out_goes_up_the_chain_and_then_runs_nothing(desk, clock):
    desk.script(plan(step("s1")))
    run = await desk.start(team(desk, review=PlanReview(chain=("ask_human", "ask_superior"))))
    first = run.waiting[0]

    clock.now += dt.timedelta(hours=25)
    await run.resume()
    second = run.waiting[0]
    assert second["approval_id"] != first["approval_id"]
    assert second["action_requests"][0]["name"] == "ask_superior"

    clock.now += dt.timedelta(hours=25)
    await run.resume()
    assert run.outcome["status"] == "escalated"
    assert "nobody" in " ".join(run.outcome["reasons"])
    assert looked_up(run) == []


@pytest.mark.scenario(26)
async def test_the_next_in_the_chain_can_still_say_yes(desk, clock):
    desk.script(plan(step("s1")), found("s1"))
    run = await desk.start(team(desk, review=PlanReview(chain=("ask_human", "ask_superior"))))
    clock.now += dt.timedelta(hours=25)
    await run.resume()

    await answer(desk, run, "approve")

    assert run.outcome["status"] == "completed"
    assert looked_up(run) == ["T-001"]


@pytest.mark.scenario(27)
async def test_satisfied_is_refused_while_a_required_step_is_open(desk):
    """T-003 is another customer's, so the required step is denied and stays open."""
    desk.script(plan(step("s1"), step("s2", "T-003")), *[found("s1")] * 9)

    run = await desk.start(team(desk, review=None, max_resets=0))

    assert run.outcome["status"] == "denied"
    assert run.outcome["undone"][0].startswith("s2: Find T-003")
    assert [entry["body"]["open"] for entry in run.entries("completion_refused")] == [["s2"]]


@pytest.mark.scenario(27)
async def test_a_refused_completion_is_told_to_the_planner_and_a_new_plan_completes(desk):
    desk.script(
        plan(step("s1"), step("s2", "T-003")), found("s1"), plan(step("s3", "T-002")), found("s1", "s3")
    )

    run = await desk.start(team(desk, review=None))

    assert "Completion was refused: s2" in desk.model.prompts[2].text
    assert run.outcome["status"] == "completed"


@pytest.mark.scenario(10)
async def test_at_the_reset_cap_what_was_found_is_the_answer_and_no_model_is_asked_again(desk):
    desk.script(
        plan(step("s1")),
        judged(reason="T-002 is missing"),
        plan(step("s2", "T-002")),
        judged(reason="still unclear"),
        *[found("s1")] * 9,
    )

    run = await desk.start(team(desk, review=None, max_resets=1))

    assert run.outcome["status"] == "limit_reached"
    assert desk.model.calls == 4
    assert "4000" in run.outcome["answer"]
    assert "90000" in run.outcome["answer"]
    assert "still unclear" in " ".join(run.outcome["reasons"])


@pytest.mark.scenario(10)
async def test_at_the_cap_of_rounds_open_steps_are_named(desk):
    desk.script(plan(step("s1"), step("s2", "T-003"), step("s3", "T-002", needs=["s2"])), *[judged()] * 9)

    run = await desk.start(team(desk, review=None, max_rounds=1))

    assert desk.model.calls == 2
    assert [line.split(":")[0] for line in run.outcome["undone"]] == ["s2", "s3"]
    assert run.outcome["status"] == "denied", "the reason why it could not be complete"
    assert "limit" not in run.outcome["answer"]
