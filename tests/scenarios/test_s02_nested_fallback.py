"""Scenario 2 for patterns in agents' places: they repair, another tries, a person is asked; counted."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from governance.errors import ModelUnavailable
from graphs.concurrent import concurrent
from graphs.handoff import handoff
from graphs.sequential import sequential
from graphs.single import single
from graphs.supervisor import supervisor
from models.door import use_model
from models.scripted import ScriptedChatModel
from nodes.nested import Compiled, Nested
from nodes.resolve import Vote
from nodes.step import Step
from tests.matrix.crews import Lines, acting, look, pay
from tests.scenarios.conftest import LENA, Office, Run, calls, says
from tests.scenarios.managed import BOSS, YES, assigns, finishes
from tests.second import office
from tests.second.assessors import DOUBT, MONEY, PAST, RULES, Opinion, assessor, opines
from tests.second.office import READER, SECOND_READER, STEPS, Facts, agent, facts_agree

GOOD = calls("Facts", order_id="T-001", amount=4000)
BAD = calls("Facts", order_id="none", amount=1)


def pattern(name: str, who: Any = READER) -> Nested:
    """One agent alone as a pattern, with a person of its own behind it."""
    graph = single(who, compose=lambda results: {"result": results.get(who.name, {})}).compile(name=name)
    return Nested(graph=graph, returns=Facts)


def refunding(desk: Office, first: Any, fallback: Any) -> Compiled:
    """The office's chain, with another reader."""
    steps = [Step(first, check=facts_agree, fallback=fallback), *STEPS[1:]]
    return sequential(steps).compile(name="sequential", checkpointer=desk.saver)


def script(**said: Any) -> ScriptedChatModel:
    model = ScriptedChatModel(scripts={f"Job of {name}.": Lines(lines) for name, lines in said.items()})
    use_model(model)
    return model


def asked(model: ScriptedChatModel) -> dict[str, int]:
    return dict(Counter(prompt.key.removeprefix("Job of ").rstrip(".") for prompt in model.prompts))


async def decide(desk: Office, run: Run, kind: str, **values: Any) -> None:
    [question] = run.waiting
    said = {"approval_id": question["approval_id"], "type": kind}
    if values:
        args = question["action_requests"][0]["args"] | {"values": json.dumps(values)}
        said["edited_action"] = {"name": "ask_human", "args": args}
    await desk.plane.decide(LENA, said)
    await run.resume()


FALLBACKS = {"an agent": SECOND_READER, "a pattern of the same agent": pattern("again")}


@pytest.mark.scenario(2)
@pytest.mark.parametrize("fallback", FALLBACKS.values(), ids=FALLBACKS)
async def test_what_a_pattern_could_not_do_another_does_before_a_person_is_asked(desk, fallback):
    lines = [BAD, BAD, BAD, GOOD]
    model = script(read=lines, second_reader=[GOOD], judge=[calls("Verdict", **YES)])

    run = await desk.start(refunding(desk, pattern("read"), fallback))

    assert run.outcome["status"] == "completed", run.outcome
    assert (asked(model)["read"], model.calls) == ((3, 5) if fallback is SECOND_READER else (4, 5))
    assert run.entries("approval_requested") == []
    assert [row[:2] for row in desk.refunds()] == [("T-001", 4000)]


@pytest.mark.scenario(2)
@pytest.mark.parametrize("fallback", FALLBACKS.values(), ids=FALLBACKS)
async def test_then_a_person_is_asked_once_and_after_a_no_it_has_failed(desk, fallback):
    model = script(read=[BAD], second_reader=[BAD])

    run = await desk.start(refunding(desk, pattern("read"), fallback))
    await decide(desk, run, "reject")

    assert run.outcome["status"] == "failed"
    assert model.calls == 6, "three tries of each"
    assert len(run.entries("approval_requested")) == 1
    assert desk.refunds() == []


@pytest.mark.scenario(2)
async def test_a_pattern_behind_which_nobody_stands_asks_itself_and_its_no_is_final(desk):
    model = script(read=[BAD])

    run = await desk.start(refunding(desk, pattern("read"), None))
    assert [question["path"] for question in run.waiting] == ["read/0/escalate/0"]
    await decide(desk, run, "reject")

    assert (run.outcome["status"], model.calls) == ("failed", 3)
    assert len(run.entries("approval_requested")) == 1


def acted(desk: Office, pattern: Any = None) -> Compiled:
    """A pattern that refunds, behind which another one stands who would refund once more."""
    behind = agent("second", "cashier", tools=office.CASHIER.tools)
    inner = (pattern or single(acting())).compile(name="refunds")
    return sequential([Step(inner, fallback=behind)]).compile(name="handoff", checkpointer=desk.saver)


@pytest.mark.scenario(2)
@pytest.mark.parametrize("inner", [None, concurrent([acting(Opinion), PAST], resolve=[Vote()])])
async def test_after_a_write_within_it_nobody_begins_anew(desk, inner):
    """Whether it asks a person itself, or fails without one."""
    again = [look(), pay(), says("done")]
    model = script(acts=[look(), pay(), says("")], past=[opines("refund")], second=again)

    run = await desk.start(acted(desk, inner))

    assert run.waiting, "a person goes on, who can see what was done"
    assert "second" not in asked(model)
    assert [row[:2] for row in desk.refunds()] == [("T-001", 4000)]


@pytest.mark.scenario(2)
async def test_an_outage_after_a_write_within_it_stops_the_run_and_nobody_begins_anew(desk):
    away = ModelUnavailable("away")
    model = script(acts=[look(), pay(), away], second=[look(), pay(), says("done")])

    with pytest.raises(ModelUnavailable):
        await desk.start(acted(desk))

    assert "second" not in asked(model)
    assert [row[:2] for row in desk.refunds()] == [("T-001", 4000)]


@pytest.mark.scenario(2)
async def test_a_persons_no_within_it_is_not_gone_round(desk):
    model = script(acts=[look("T-002"), pay("T-002", 90_000), says("")], second=[says("It is done.")])

    run = await desk.start(acted(desk), "Refund T-002 please")
    await decide(desk, run, "reject")
    assert [question["path"] for question in run.waiting] == ["refunds/0/refunds/escalate/0"]
    await decide(desk, run, "reject")

    assert run.outcome["status"] == "failed"
    assert "second" not in asked(model)
    assert desk.refunds() == []


@pytest.mark.scenario(2)
@pytest.mark.scenario(31)
@pytest.mark.parametrize(
    ("behind", "path"),
    [
        (Nested(graph=single(acting()).compile(name="behind")), "refunds/0/behind/acts/0"),
        (acting(), "refunds/0"),
    ],
)
async def test_a_fallback_that_waits_for_a_person_goes_on_where_it_was(desk, behind, path):
    """Woken, the pattern before it isn't asked again, nor taken to have asked or acted itself."""

    def built() -> Compiled:
        first = single(agent("first", "cashier", tools=office.CASHIER.tools)).compile(name="refunds")
        return sequential([Step(first, fallback=behind)]).compile(name="handoff", checkpointer=desk.saver)

    model = script(first=[says("")], acts=[look("T-002"), pay("T-002", 90_000), says("done")])
    run = await desk.start(built(), "Refund T-002 please")
    assert [question["path"] for question in run.waiting] == [path]

    run.graph = built()
    await run.resume()
    await decide(desk, run, "approve")

    assert (run.outcome["status"], run.outcome["answer"]) == ("completed", "done"), run.outcome
    assert asked(model) == {"first": 3, "acts": 3}
    assert [row[:2] for row in desk.refunds()] == [("T-002", 90_000)]


def panel(name: str) -> Compiled:
    """Three who vote, without a person behind them."""
    return concurrent([PAST, DOUBT, RULES], resolve=[Vote()]).compile(name=name)


UNDECIDED = calls("Opinion", choice="perhaps")
HOLDING = {
    "handoff": lambda: handoff([Nested(graph=panel("vote"), job="They vote.")], edges={}),
    "sequential": lambda: sequential([panel("vote")]),
}


@pytest.mark.scenario(2)
@pytest.mark.parametrize("name", HOLDING)
async def test_a_person_answers_for_a_pattern_in_which_nobody_was_asked(desk, name):
    model = script(**{voter: [UNDECIDED] for voter in ("past", "doubt", "rules")})

    run = await desk.start(HOLDING[name]().compile(name="handoff", checkpointer=desk.saver))
    assert "0 of 3 verdicts" in run.waiting[0]["action_requests"][0]["description"]
    await decide(desk, run, "edit", answer="It is owed.")

    assert (run.outcome["status"], run.outcome["answer"], model.calls) == ("completed", "It is owed.", 9)


@pytest.mark.scenario(2)
async def test_a_branch_asks_its_fallback_then_a_person_and_then_is_absent(desk):
    first, second = (assessor(name) for name in ("first", "second"))
    steps = [Step(first, fallback=second)]
    found = {"compose": lambda results: {"result": results.get("first", {})}}
    branch = sequential(steps, **found).compile(name="branch")
    team = concurrent([branch, RULES, MONEY], resolve=[Vote()], quorum="all")
    wrong = calls("Opinion", choice="perhaps")
    model = script(first=[wrong], second=[wrong], rules=[opines("refund")], money=[opines("refund")])

    run = await desk.start(team.compile(name="concurrent", checkpointer=desk.saver))
    assert asked(model) == {"first": 3, "second": 3, "rules": 1, "money": 1}
    await decide(desk, run, "reject")

    assert (run.outcome["status"], run.outcome["answer"]) == ("failed", "")
    assert run.outcome["undone"] == ["branch"]
    assert model.calls == 8
    assert Opinion in {first.returns, second.returns}


@pytest.mark.scenario(2)
async def test_a_worker_asks_its_fallback_then_a_person_and_then_has_failed(desk):
    team = supervisor(BOSS, {"reads": Step(READER, fallback=SECOND_READER)})
    model = script(
        boss=[assigns("reads", "Read T-001."), finishes("I could not read it.")],
        read=[BAD],
        second_reader=[BAD],
    )

    run = await desk.start(team.compile(name="supervisor", checkpointer=desk.saver))
    assert asked(model) == {"boss": 1, "read": 3, "second_reader": 3}
    await decide(desk, run, "reject")

    assert run.outcome["status"] == "failed"
    assert run.outcome["undone"] == ["reads"]
