"""Scenario 31: a pattern stands where an agent stands, in every builder; it asks once and pays once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from langchain_core.messages import AIMessage

from governance.errors import TowerError
from governance.limits import Budget
from graphs.adaptive import adaptive
from graphs.concurrent import concurrent
from graphs.direct import direct
from graphs.group_chat import maker_checker
from graphs.handoff import handoff
from graphs.magentic import magentic
from graphs.pattern import Graph, PatternError
from graphs.roster import roster
from graphs.sequential import sequential
from graphs.single import single
from graphs.supervisor import supervisor
from models.door import use_model
from models.scripted import ScriptedChatModel
from nodes.assignee import Assignee
from nodes.finding import Review
from nodes.nested import Compiled, Nested
from nodes.resolve import AskHuman, Vote
from nodes.step import Step
from nodes.worker import Worker
from tests.matrix.crews import (
    CREWS,
    FOUND,
    FRONTS,
    LAW,
    LEAD,
    READS,
    STEP,
    Handbook,
    Line,
    Lines,
    acting,
    look,
    pay,
)  # fmt: skip
from tests.scenarios.conftest import LENA, Office, Run, calls, says
from tests.scenarios.managed import BOSS, YES, assigns, finishes
from tests.second.assessors import MONEY, RULES, Opinion, opines
from tests.second.office import DOOR, JOBS, READER, STEPS, A, Facts, facts_agree

JOB = "Refund what is owed."


@dataclass(frozen=True)
class Place:
    """A builder with a pattern where an agent could stand.

    Attributes:
        path: Where the pattern stands.
        circles: The outcome's status where the pattern goes in circles.
        inner: Makes the pattern; one agent who looks an order up and refunds it.
    """

    build: Callable[[Compiled], Graph]
    others: Mapping[str, list[AIMessage]]
    path: str = "refunds/0"
    circles: str = "loop_detected"
    inner: Callable[[], Graph] = lambda: single(acting())
    ends: Line = "It is refunded."


def its_result(results: Mapping[str, Any]) -> dict[str, Any]:
    found = results.get("acts", {})
    return {"result": found, "evidence": found.get("evidence", [])}


def named(inner: Compiled, **more: Any) -> Nested:
    return Nested(graph=inner, job=JOB, **more)


OTHERS = {crew.name: crew.others for crew in CREWS}
READ = {"reads": [calls("Facts", order_id="T-002", amount=90_000)]}
PLACES = {
    "sequential": Place(lambda inner: sequential([Step(READS), inner]), READ),
    "step": Place(lambda inner: sequential([Step(READS), Step(inner)]), READ),
    "handoff": Place(
        lambda inner: handoff([FRONTS, named(inner)], edges={"fronts": ["refunds"]}),
        {"fronts": [calls("transfer_to_refunds", reason="they refund")]},
    ),
    "first of a handoff": Place(lambda inner: handoff([named(inner)], edges={}), {}),
    "maker": Place(lambda inner: maker_checker(named(inner), [LAW]), OTHERS["group_chat"]),
    "checker": Place(
        lambda inner: maker_checker(READS, [named(inner, returns=Review)]),
        READ,
        inner=lambda: single(acting(Review), compose=its_result),
        ends=calls("Review", verdict="satisfied", findings=[]),
    ),
    "concurrent": Place(
        lambda inner: concurrent([inner, RULES, MONEY], resolve=[Vote(), AskHuman(role="claims-lead")]),
        OTHERS["concurrent"],
        inner=lambda: single(acting(Opinion), compose=its_result),
        ends=opines("refund"),
    ),
    "supervisor": Place(
        lambda inner: supervisor(BOSS, {"refunds": Assignee(inner, job=JOB, context="shared")}),
        {"boss": [assigns("refunds"), finishes("It is refunded.")]},
    ),
    "magentic": Place(
        lambda inner: magentic(LEAD, [Worker(acting(), pattern=inner)], review=None),
        {
            "planner": [
                calls("TaskLedger", guessed=[], plan=[STEP]),
                calls("ProgressLedger", **FOUND),
            ]
        },
        path="step_s1/0",
    ),
    "adaptive": Place(
        lambda inner: adaptive(DOOR, JOBS, dict.fromkeys(("single", "handoff", "sequential"), inner)),
        OTHERS["adaptive"],
        path="single/0",
    ),
}
REFUSED = {
    "single": (single, "run it as it is"),
    "a named one in single": (lambda inner: single(named(inner)), "run it as it is"),
    "a fallback of single": (lambda inner: single(READER, fallback=inner), "run it as it is"),
    "direct": (lambda inner: direct(inner, retriever=Handbook(), least=0.5), "run it as it is"),
    "handoff without a job": (lambda inner: handoff([inner], edges={}), "job"),
    "handing on": (
        lambda inner: handoff([named(inner), FRONTS], edges={"refunds": ["fronts"]}),
        "hands nothing over",
    ),
    "maker without a job": (lambda inner: maker_checker(inner, [LAW]), "job"),
    "checker without a review": (lambda inner: maker_checker(READS, [named(inner)]), "Review"),
    "branches of unknown choices": (lambda inner: concurrent([inner], resolve=[Vote()]), "only patterns"),
    "a named branch": (
        lambda inner: concurrent([named(inner, returns=Opinion), RULES], resolve=[Vote()]),
        "compiled graph",
    ),
    "a branch's fallback": (
        lambda inner: concurrent([Step(RULES, fallback=inner), MONEY], resolve=[Vote()]),
        "compiled graph",
    ),
    "a member without a verdict": (lambda _: concurrent([READS, RULES], resolve=[Vote()]), "Verdict"),
}
every_place = pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)


def graph_of(place: Place, saver: Any) -> Compiled:
    return place.build(place.inner().compile(name="refunds")).compile(name="handoff", checkpointer=saver)


def speaks(place: Place, *acts: Line, ends: Line | None = None) -> ScriptedChatModel:
    everybody = {**place.others, "acts": [*acts, ends or place.ends]}
    model = ScriptedChatModel(scripts={f"Job of {name}.": Lines(said) for name, said in everybody.items()})
    use_model(model)
    return model


async def decides(desk: Office, run: Run, kind: str) -> None:
    [asked] = run.waiting
    await desk.plane.decide(LENA, {"approval_id": asked["approval_id"], "type": kind})
    await run.resume()


@pytest.mark.scenario(31)
@every_place
async def test_it_asks_once_at_the_root_with_its_path_and_pays_once(desk, place):
    model = speaks(place, look("T-002"), pay("T-002", 90_000))
    run = await desk.start(graph_of(place, desk.saver), "Refund T-002 please")
    assert [asked["path"] for asked in run.waiting] == [f"{place.path}/acts/0"]
    assert desk.refunds() == []

    run.graph = graph_of(place, desk.saver)  # built again, as in another process
    await decides(desk, run, "approve")

    assert run.outcome["status"] == "completed", run.outcome
    assert [row[:2] for row in desk.refunds()] == [("T-002", 90_000)]
    assert len(run.entries("approval_requested")) == 1
    assert Counter(prompt.key for prompt in model.prompts)["Job of acts."] == 3


@pytest.mark.scenario(31)
@every_place
async def test_a_no_within_it_is_no_normal_result(desk, place):
    speaks(place, look("T-002"), pay("T-002", 90_000))
    run = await desk.start(graph_of(place, desk.saver), "Refund T-002 please")

    await decides(desk, run, "reject")

    assert run.outcome["status"] == "rejected", run.outcome
    assert desk.refunds() == []


@pytest.mark.scenario(31)
@every_place
async def test_what_policy_denies_within_it_is_denied_as_a_whole(desk, place):
    speaks(place, look(), pay("T-003"))

    run = await desk.start(graph_of(place, desk.saver))

    assert run.outcome["status"] == "denied", run.outcome
    assert desk.refunds() == []


@pytest.mark.scenario(31)
@every_place
async def test_one_that_goes_in_circles_ends_typed(desk, place):
    speaks(place, ends=look())

    run = await desk.start(graph_of(place, desk.saver))

    if run.waiting:  # a group's draft may still be written by a person
        await decides(desk, run, "reject")
    assert run.outcome["status"] == place.circles, run.outcome


@pytest.mark.scenario(31)
@pytest.mark.parametrize(("build", "says_what"), REFUSED.values(), ids=REFUSED)
def test_where_it_can_t_stand_is_said_when_the_graph_is_built(build, says_what):
    with pytest.raises((PatternError, TowerError), match=says_what):
        build(single(acting()).compile(name="refunds"))


@pytest.mark.scenario(31)
async def test_it_stands_three_deep_and_the_roster_knows_all(desk):
    inner = named(single(acting()).compile(name="refunds"))
    team = handoff([FRONTS, inner], edges={"fronts": ["refunds"]}).compile(name="team")
    graph = sequential([Step(READS), team]).compile(name="sequential", checkpointer=desk.saver)
    place = Place(lambda _: graph, READ | PLACES["handoff"].others)
    speaks(place, look("T-002"), pay("T-002", 90_000))

    run = await desk.start(graph, "Refund T-002 please")
    assert [asked["path"] for asked in run.waiting] == ["team/0/refunds/0/acts/0"]
    await decides(desk, run, "approve")

    assert (run.outcome["status"], run.outcome["answer"]) == ("completed", "It is refunded.")
    assert len(desk.refunds()) == 1
    assert {"reads", "team", "fronts", "refunds", "acts"} <= {who.name for who in roster(graph)}


@pytest.mark.scenario(31)
@pytest.mark.parametrize("limits", [{"run": Budget(model_calls=3), "agent": Budget()}], indirect=True)
async def test_its_calls_count_against_the_budget_of_the_run(desk):
    place = PLACES["sequential"]
    model = speaks(place, look(), pay())

    run = await desk.start(graph_of(place, desk.saver))

    assert run.outcome["status"] == "budget_exhausted"
    assert model.calls == 3


@pytest.mark.scenario(31)
async def test_a_partial_one_ends_the_chain_and_what_it_found_is_told_as_partial(desk):
    inner = concurrent([RULES, MONEY], resolve=[Vote()], quorum=1).compile(name="refunds")
    graph = sequential([inner, Step(READS)]).compile(name="sequential", checkpointer=desk.saver)
    model = ScriptedChatModel(
        scripts={"Job of rules.": [opines("refund")], "Job of money.": [ValueError("away")] * 9}
    )
    use_model(model)

    run = await desk.start(graph)

    assert run.outcome["status"] == "partial"
    assert run.outcome["answer"].startswith("refund (unanimous)")
    assert {prompt.key for prompt in model.prompts} == {"Job of rules.", "Job of money."}


def reading_chain(desk: Office) -> Compiled:
    """The office's chain, in which a pattern reads and its result is held against the records."""
    reader = single(READER, compose=lambda results: {"result": results["read"]}).compile(name="read")
    steps = [Step(Nested(graph=reader, returns=Facts), check=facts_agree), *STEPS[1:]]
    return sequential(steps).compile(name="sequential", checkpointer=desk.saver)


@pytest.mark.scenario(31)
async def test_its_result_is_held_against_the_records_before_an_act_rests_on_it(desk):
    desk.script(calls("Facts", order_id="T-001", amount=9_999), calls("Verdict", **YES))

    run = await desk.start(reading_chain(desk))

    [asked] = run.waiting
    assert "cost 4000" in asked["action_requests"][0]["description"]
    args = asked["action_requests"][0]["args"] | {"values": '{"order_id": "T-001", "amount": 4000}'}
    edit = {"type": "edit", "edited_action": {"name": "ask_human", "args": args}}
    await desk.plane.decide(LENA, {"approval_id": asked["approval_id"], **edit})
    await run.resume()

    assert run.outcome["status"] == "completed", run.outcome
    assert [row[:2] for row in desk.refunds()] == [("T-001", 4_000)]


@pytest.mark.scenario(31)
async def test_a_result_of_another_kind_is_put_to_a_person_in_words(desk):
    inner = Nested(graph=single(A).compile(name="reader"), returns=Facts)
    desk.script(says("It cost 40.00."))

    run = await desk.start(sequential([inner]).compile(name="sequential", checkpointer=desk.saver))

    shown = run.waiting[0]["action_requests"][0]["description"]
    assert "no result that fits Facts: order_id: Field required" in shown
    assert "pydantic" not in shown


@pytest.mark.scenario(31)
async def test_a_branch_without_a_verdict_is_absent_and_says_so_in_words(desk):
    inner = single(A).compile(name="reader")
    team = concurrent([inner, RULES], resolve=[Vote()], quorum=1)
    use_model(
        ScriptedChatModel(scripts={"Job of rules.": [opines("refund")], "Job of a.": [says("It is fine.")]})
    )

    run = await desk.start(team.compile(name="concurrent", checkpointer=desk.saver))

    assert run.outcome["status"] == "partial"
    [told] = [reason for reason in run.outcome["reasons"] if reason.startswith("reader")]
    assert "no Opinion (choice: Field required" in told
    assert "`compose`" in told
    assert "pydantic" not in told
