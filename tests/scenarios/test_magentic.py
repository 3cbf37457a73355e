"""An investigation's steps: side by side, each to a result or a typed absence, and none of them twice."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatResult
from pydantic import PrivateAttr

from governance.control import ControlPlane, use_control
from governance.limits import Budget, Person
from graphs.concurrent import concurrent
from graphs.magentic import magentic
from graphs.pattern import PatternError
from graphs.single import single
from models.door import use_model
from models.scripted import ScriptedChatModel
from nodes.human_agent import HumanAgent
from nodes.ledger import objections, ready
from nodes.plan_review import PlanReview
from nodes.resolve import Vote
from nodes.worker import Worker
from tests.scenarios.conftest import LENA, calls, says
from tests.scenarios.test_s24_s27_magentic import (
    DIGGER,
    LEAD,
    answer,
    found,
    judged,
    looked_up,
    plan,
    step,
    team,
)
from tests.second.assessors import DOUBT, PAST, opines
from tests.second.office import CASHIER, Verdict, agent, find_order

THINKER = Worker(agent("thinker", "digger", returns=Verdict))
STRANGER = Worker(agent("stranger", "reader"), lookup=find_order)
YES = calls("Verdict", refund=True, reason="it was cancelled")


class Meeting(ScriptedChatModel):
    """Answers a worker once `size` of them are asked at the same time, and counts how many were."""

    size: int = 1
    most: int = 0
    _inside: int = PrivateAttr(default=0)
    _met: asyncio.Event = PrivateAttr(default_factory=asyncio.Event)
    _asked: asyncio.Event = PrivateAttr(default_factory=asyncio.Event)

    async def _agenerate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        if "Your step" in messages[-1].text:
            self._inside += 1
            self.most = max(self.most, self._inside)
            self._asked.set()
            if self._inside >= self.size:
                self._met.set()
            async with asyncio.timeout(20):
                await self._met.wait()
            await asyncio.sleep(0)
            self._inside -= 1
        return await super()._agenerate(messages, *args, **kwargs)


def thought(name: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "worker": "thinker", "task": f"Think about {name}", **more}


def lines(*said: Any) -> Any:
    """The lead's lines one after another; workers always say yes."""
    left = list(said)
    return lambda messages: YES if "Your step" in messages[-1].text else left.pop(0)


async def test_steps_that_wait_for_nothing_are_in_flight_together(desk):
    names = ["s1", "s2", "s3", "s4"]
    model = Meeting(scripts={"": lines(plan(*map(thought, names)), found("s1"))}, size=4)
    use_model(model)
    graph = magentic(LEAD, [THINKER], review=None)

    run = await desk.start(graph.compile(name="magentic", checkpointer=desk.saver))

    assert run.outcome["status"] == "completed"
    assert model.most == 4
    assert list(run.outcome["result"]["found"]) == names


async def test_no_more_steps_are_started_at_once_than_the_pattern_says(desk):
    desk.script(plan(*(thought(f"s{i}") for i in range(5))), *[YES] * 5, found("s1"))
    graph = magentic(LEAD, [THINKER], review=None, max_parallel=2)
    compiled = graph.compile(name="magentic", checkpointer=desk.saver)

    run = await desk.start(compiled)

    history = [state async for state in compiled.aget_state_history(run.config)]
    waves = [state.next.count("investigate") for state in reversed(history) if "investigate" in state.next]
    assert waves == [2, 2, 1]


async def test_a_step_sees_the_results_it_needs_and_no_others(desk):
    desk.script(plan(step("s1"), step("s2", "T-002"), {**thought("s3"), "needs": ["s2"]}), YES, found("s1"))
    graph = magentic(LEAD, [DIGGER, THINKER], review=None)

    run = await desk.start(graph.compile(name="magentic", checkpointer=desk.saver))

    (asked,) = [p for p in desk.model.prompts if "Verdict" in p.tools]
    assert "90000" in asked.text
    assert "4000" not in asked.text
    assert run.outcome["status"] == "completed"


async def test_a_run_that_dies_in_the_middle_repeats_no_step(desk):
    model = Meeting(scripts={"": lines(plan(step("s1"), thought("s2")), found("s1"))}, size=9)
    use_model(model)
    graph = magentic(LEAD, [DIGGER, THINKER], review=None)
    compiled = graph.compile(name="magentic", checkpointer=desk.saver)
    going = asyncio.ensure_future(desk.start(compiled))
    await model._asked.wait()
    going.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going

    model.size = 1
    (record,) = await desk.plane.runs(tenant="harbor")
    config = {"configurable": {"thread_id": record.run.thread_id, "tower_run": record.run.id}}
    ended = await compiled.ainvoke(None, config, durability="sync")

    assert ended["outcome"]["status"] == "completed"
    measured = [e for e in desk.plane.audit.entries(run=record.run.id, kind="cleared") if e["seam"] == "tool"]
    assert len(measured) == 1
    assert sum("TaskLedger" in p.tools for p in model.prompts) == 1


async def test_a_step_that_needs_a_persons_yes_waits_and_the_others_are_not_run_again(desk):
    token = await desk.plane.vault.token("harbor", "iban", "DE89370400440532013000")
    pay = {"id": "pay", "worker": "cashier", "task": "Refund T-002"}
    refund = calls("refund", order_id="T-002", amount=90_000, iban=token)
    left = [plan(thought("s1"), pay), found("s1")]

    def script(messages: list[BaseMessage]) -> Any:
        if "Your step" not in "".join(m.text for m in messages):
            return left.pop(0)
        if "Think about" in messages[-1].text:
            return YES
        return "refunded" if messages[-1].type == "tool" else refund

    model = ScriptedChatModel(scripts={"": script})
    use_model(model)
    graph = magentic(LEAD, [THINKER, Worker(CASHIER)], review=None)
    run = await desk.start(graph.compile(name="magentic", checkpointer=desk.saver))
    (asked,) = run.waiting
    before = model.calls

    await desk.plane.decide(LENA, {"approval_id": asked["approval_id"], "type": "approve"})
    await run.resume()

    assert [row[:2] for row in desk.refunds()] == [("T-002", 90_000)]
    assert model.calls == before + 2, "the cashier's last word and the lead's judgement"


async def test_a_pattern_can_be_a_worker_and_what_it_asks_surfaces_with_its_path(desk):
    token = await desk.plane.vault.token("harbor", "iban", "DE89370400440532013000")
    desk.script(
        plan({"id": "pay", "worker": "cashier", "task": "Refund T-002"}),
        calls("refund", order_id="T-002", amount=90_000, iban=token),
        says("It is refunded."),
        found("pay"),
    )
    nested = Worker(CASHIER, pattern=single(CASHIER).compile(name="single"))
    graph = magentic(LEAD, [nested], review=None)
    run = await desk.start(graph.compile(name="magentic", checkpointer=desk.saver))
    (asked,) = run.waiting
    (entry,) = run.entries("approval_requested")
    assert "step_pay/0/cashier" in str(entry)

    await desk.plane.decide(LENA, {"approval_id": asked["approval_id"], "type": "approve"})
    await run.resume()

    assert run.outcome["status"] == "completed"
    assert run.outcome["result"]["found"]["pay"]["result"]["answer"] == "It is refunded."
    assert [row[:2] for row in desk.refunds()] == [("T-002", 90_000)]


async def test_a_person_can_be_a_worker(desk):
    plane = desk.plane
    limits = replace(plane.limits, people={"expert": Person(("claims-lead",), hours=4)})
    plane = ControlPlane(plane.settings, plane.store, plane.policy, limits, plane.vault)
    use_control(plane)
    expert = Worker(HumanAgent("expert", job="Know better.", returns=Verdict))
    desk.script(plan({"id": "ask", "worker": "expert", "task": "Was T-001 cancelled?"}), found("ask"))
    graph = magentic(LEAD, [expert], review=None)
    run = await desk.start(graph.compile(name="magentic", checkpointer=desk.saver))
    asked = run.waiting[0]
    action = asked["action_requests"][0]
    assert "Was T-001 cancelled?" in action["description"]

    values = '{"refund": true, "reason": "I saw it"}'
    edited = {"name": action["name"], "args": action["args"] | {"values": values}}
    said = {"approval_id": asked["approval_id"], "type": "edit", "edited_action": edited}
    await plane.decide(LENA, said)
    await run.resume()

    assert run.outcome["status"] == "completed"
    assert run.outcome["result"]["found"]["ask"]["result"]["reason"] == "I saw it"


async def test_a_pattern_that_does_not_complete_is_an_absence(desk):
    desk.script(
        plan({"id": "pay", "worker": "cashier", "task": "Refund T-001"}, step("s1")),
        *[calls("find_order", order_id="T-001")] * 4,
        *[judged(progressing=False)] * 3,
    )
    nested = Worker(CASHIER, pattern=single(CASHIER).compile(name="single"))
    graph = magentic(LEAD, [nested, DIGGER], review=None, max_resets=0)

    run = await desk.start(graph.compile(name="magentic", checkpointer=desk.saver))

    assert run.outcome["status"] == "loop_detected"
    assert run.outcome["undone"][0].startswith("pay: Refund T-001 (loop_detected")
    assert "4000" in run.outcome["answer"]


async def test_what_a_partial_pattern_found_is_evidence_and_its_step_is_not_done(desk):
    panel = concurrent([PAST, DOUBT], resolve=[Vote()], quorum=1).compile(name="panel")
    voted = {"id": "vote", "worker": "cashier", "task": "Vote on T-001"}
    use_model(
        ScriptedChatModel(
            scripts={
                "Job of lead.": [plan(voted), *[judged(progressing=False)] * 3],
                "Job of past.": [opines("refund", why="it was cancelled")],
                "Job of doubt.": [ValueError("the line is dead")] * 2,
            }
        )
    )
    graph = magentic(LEAD, [Worker(CASHIER, pattern=panel)], review=None, max_resets=0)

    run = await desk.start(graph.compile(name="magentic", checkpointer=desk.saver))

    assert run.outcome["status"] == "limit_reached"
    assert run.outcome["undone"][0].startswith("vote: Vote on T-001 (partial: doubt: ModelFailed")
    [said] = run.outcome["evidence"]
    assert said["source"] == "vote: Vote on T-001"
    assert "it was cancelled" in said["quote"]
    assert "vote" not in run.outcome["result"]["found"]


async def test_an_optional_step_that_failed_is_named_and_the_run_is_partial(desk):
    desk.script(
        plan(step("s1"), thought("s2", required=False)), *[calls("Verdict", refund="?")] * 3, found("s1")
    )
    graph = magentic(LEAD, [DIGGER, THINKER], review=None)

    run = await desk.start(graph.compile(name="magentic", checkpointer=desk.saver))

    assert run.outcome["status"] == "partial"
    assert run.outcome["undone"][0].startswith("s2: Think about s2 (failed: thinker gave no valid result")


async def test_an_assignment_that_policy_does_not_list_is_denied_and_the_step_never_runs(desk):
    alien = {**step("s1"), "worker": "stranger"}
    desk.script(plan(alien), judged(), plan(step("s2")), found("s2"))
    graph = magentic(LEAD, [DIGGER, STRANGER], review=None)

    run = await desk.start(graph.compile(name="magentic", checkpointer=desk.saver))

    assert run.outcome["status"] == "completed", "a new plan gave it to somebody else"
    assert looked_up(run) == ["T-001"]
    assert [entry["action"] for entry in run.entries("refused")] == ["route"]
    assert "no policy permits" in desk.model.prompts[1].text, "the manager is told"


@pytest.mark.parametrize(
    ("budget", "last", "asked", "undone"),
    [({"model_calls": 3}, thought("t3"), 3, 2), ({"tool_calls": 1}, step("s1", "T-002"), 4, 1)],
    ids=["no model call is left", "no tool call is left"],
)
async def test_used_up_in_the_steps_it_ends_there_with_what_was_found(desk, budget, last, asked, undone):
    """Where there are model calls left, the manager is not asked again all the same."""
    plane = desk.plane
    limits = replace(plane.limits, run=Budget(**budget))
    use_control(ControlPlane(plane.settings, plane.store, plane.policy, limits, plane.vault))
    steps = [step("s0"), *(thought(f"t{i}") for i in range(3)), last]
    model = ScriptedChatModel(scripts={"": lines(plan(*steps))})
    use_model(model)
    graph = magentic(LEAD, [DIGGER, THINKER], review=None, max_parallel=5)

    run = await desk.start(graph.compile(name="magentic", checkpointer=desk.saver))

    assert model.calls == asked
    assert run.outcome["status"] == "budget_exhausted"
    assert len(run.outcome["undone"]) == undone


async def test_a_plan_that_asks_again_for_what_is_known_is_not_run(desk):
    desk.script(plan(step("s1")), judged(), *[plan(step("s2"))] * 40)

    run = await desk.start(team(desk, review=None))

    assert run.outcome["status"] == "escalated"
    assert "asks again for what s1 found" in " ".join(run.outcome["reasons"])
    assert looked_up(run) == ["T-001"]
    assert desk.model.calls < 8


@pytest.mark.parametrize(("again", "reviews"), [(True, 2), (False, 1)])
async def test_what_is_added_to_an_approved_plan_is_shown_again_unless_the_pattern_says_otherwise(
    desk, again, reviews
):
    desk.script(plan(step("s1")), judged(next=[step("s2", "T-002")]), found("s1", "s2"))
    run = await desk.start(team(desk, review=PlanReview(again=again)))
    for _ in range(reviews):
        shown = run.waiting[0]["action_requests"][0]["description"]
        await answer(desk, run, "approve")

    assert run.outcome["status"] == "completed"
    assert looked_up(run) == ["T-001", "T-002"]
    assert ("s2" in shown) is again, "only what is new"


async def test_no_progress_leads_to_a_new_plan_and_too_much_of_it_to_the_end(desk):
    stuck = [judged(progressing=False, next=[thought(f"n{i}", required=False)]) for i in range(12)]
    desk.script(
        plan(step("s1")), stuck[0], YES, stuck[1], YES, stuck[2], plan(thought("p2")), YES, *stuck[3:]
    )

    graph = magentic(LEAD, [DIGGER, THINKER], review=None, max_stalls=2, max_resets=1, max_rounds=4)
    run = await desk.start(graph.compile(name="magentic", checkpointer=desk.saver))

    planned = [i for i, p in enumerate(desk.model.prompts) if "TaskLedger" in p.tools]
    assert planned == [0, 6], "after the third judgement in a row without progress"
    assert run.outcome["status"] == "limit_reached"
    assert run.outcome["result"]["rounds"] == 4


@pytest.mark.parametrize(
    ("workers", "knobs"),
    [
        ([], {}),
        ([DIGGER, DIGGER], {}),
        ([Worker(LEAD)], {}),
        ([DIGGER], {"max_rounds": 0}),
        ([DIGGER], {"max_resets": -1}),
        ([DIGGER], {"max_parallel": 0}),
    ],
)
def test_what_makes_no_sense_is_refused_when_it_is_built(workers, knobs):
    with pytest.raises(PatternError):
        magentic(LEAD, workers, **knobs)


def entry(status: str = "done") -> Any:
    return {"status": status, "worker": "digger", "task": "t", "args": {}}


def test_a_step_is_ready_once_what_it_needs_is_done():
    steps = [{"id": "b", "needs": ["a"]}, {"id": "c", "needs": ["b"]}, {"id": "d", "needs": []}]

    assert [s["id"] for s in ready(steps, {"a": entry()})] == ["b", "d"]
    assert [s["id"] for s in ready(steps, {"a": entry("failed"), "d": entry()})] == []


@pytest.mark.parametrize(
    ("steps", "problem"),
    [
        ([step("a", needs=["b"]), step("b", "T-002", needs=["a"])], "wait for each other"),
        ([step("a", needs=["z"])], "which is no step"),
        ([step("a", needs=[]), step("a", "T-002", needs=[])], "two steps are called a"),
        ([step("old", needs=[])], "used before"),
    ],
)
def test_a_plan_that_cannot_be_run_is_named_for_what_is_wrong(steps, problem):
    plain = [{"needs": [], "required": True, **one} for one in steps]

    assert problem in " ".join(objections(plain, {"old": entry("failed")}))
