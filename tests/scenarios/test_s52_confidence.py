"""Scenario 52: what is less sure than policy asks for is looked at again, then put to a person."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, create_model

from cli.timeline import moments
from governance.confidence import ConfidenceRule
from graphs.pattern import PatternError
from graphs.sequential import sequential
from graphs.single import single
from nodes.action import Action
from nodes.step import Step
from tests.scenarios.conftest import LENA, Office, Run, calls, says
from tests.second import office
from tests.second.office import CASHIER, JUDGE, ORDERS, READER, SECOND_READER, refund, refund_args

SMALL = {"order_id": "T-001", "amount": ORDERS["T-001"]}
LEAST = 63
"""A number that stands nowhere else."""


class Facts(office.Facts):
    """What is wanted, and how sure that is."""

    confidence: Annotated[int, Field(ge=0, le=100)]


def rule(*before_asking: Literal["same", "another"]) -> dict[str, Any]:
    return {"confidence": {"refund": ConfidenceRule(LEAST, before_asking)}}


def fact_step(**more: Any) -> Step:
    reader, second = (replace(agent, returns=Facts) for agent in (READER, SECOND_READER))
    return Step(**{"agent": reader, "check": office.facts_agree, "fallback": second} | more)


def money(results: Mapping[str, Any], run: Any) -> dict[str, Any] | None:
    args = refund_args(results, run)
    return args and {name: args[name] for name in ("order_id", "amount", "iban")}


def reads(confidence: int) -> Any:
    return calls("Facts", **SMALL, confidence=confidence)


AGREES = calls("Verdict", refund=True, reason="cancelled")


async def refunding(
    desk: Office, *lines: Any, review: bool = False, rests_on: tuple[str, ...] = ("read",), **more: Any
) -> Run:
    steps = [
        fact_step(**more),
        office.STEPS[1],
        Step(JUDGE),
        Action(CASHIER, refund, money, review=review, rests_on=rests_on),
    ]
    desk.script(*lines)
    return await desk.start(sequential(steps).compile(name="sequential", checkpointer=desk.saver))


def doubts(run: Run) -> list[tuple[int, str]]:
    return [(e["body"]["confidence"], e["body"]["then"]) for e in run.entries("unsure")]


def logged_reason(sure: int) -> str:
    return f"refund needs results that are {LEAST} % sure, and they are {sure} % sure."


def logged(run: Run, kind: str) -> list[dict[str, Any]]:
    return [entry["body"] for entry in run.entries(kind) if entry.get("action") == "refund"]


async def say(desk: Office, run: Run, **decision: Any) -> None:
    answer = {"approval_id": run.waiting[0]["approval_id"], "decisions": [decision]}
    await desk.plane.decide(LENA, answer)
    await run.resume()


@pytest.mark.scenario(52)
@pytest.mark.parametrize("limits", [rule()], indirect=True)
@pytest.mark.parametrize("review", [False, True])
async def test_below_the_threshold_of_the_act_a_person_decides(desk, limits, review):
    run = await refunding(desk, reads(LEAST - 1), AGREES, review=review)

    (asked,) = run.waiting
    assert f"{LEAST} % sure, and they are {LEAST - 1} % sure" in asked["action_requests"][0]["description"]
    assert desk.refunds() == [], "policy allows it without a person; the confidence doesn't"
    told = "\n".join(message.text for prompt in desk.model.prompts for message in prompt.messages)
    assert str(LEAST) not in re.sub(r"<\w+:[0-9a-f]+>", "", told)

    (asked,) = logged(run, "approval_requested")
    assert (asked["by"], asked["why"]) == (["small-refunds", "confidence"], logged_reason(LEAST - 1))
    await say(desk, run, type="approve")
    (cleared,) = logged(run, "cleared")
    assert (cleared["confidence"], cleared["approved_by"]) == (LEAST - 1, "lena")
    assert [row[:2] for row in desk.refunds()] == [tuple(SMALL.values())]
    assert run.outcome["status"] == "completed"


@pytest.mark.scenario(52)
@pytest.mark.parametrize("limits", [rule()], indirect=True)
async def test_a_no_ends_it(desk, limits):
    run = await refunding(desk, reads(0), AGREES)
    await say(desk, run, type="reject", message="not like this")
    assert (run.outcome["status"], desk.refunds()) == ("rejected", [])


@pytest.mark.scenario(52)
@pytest.mark.parametrize("limits", [{}, rule("same", "another")], indirect=True)
async def test_what_is_sure_enough_or_has_no_rule_asks_nobody(desk, limits):
    run = await refunding(desk, reads(LEAST if limits.confidence else 0), AGREES)
    assert run.outcome["status"] == "completed"
    assert (len(desk.refunds()), doubts(run)) == (1, [])


@pytest.mark.scenario(52)
@pytest.mark.parametrize("limits", [rule("same", "another")], indirect=True)
async def test_another_look_may_be_enough(desk, limits):
    run = await refunding(desk, reads(40), reads(80), AGREES)

    assert run.outcome["status"] == "completed"
    assert doubts(run) == [(40, "same")]
    told = desk.model.prompts[1].messages[-1].text
    assert told.startswith("Look once more")
    assert str(LEAST) not in told


@pytest.mark.scenario(52)
@pytest.mark.parametrize("limits", [rule("same", "another")], indirect=True)
async def test_then_another_agent_looks_and_the_surest_result_counts(desk, limits):
    run = await refunding(desk, reads(40), reads(30), reads(90), AGREES)

    assert run.outcome["status"] == "completed"
    assert doubts(run) == [(40, "same"), (40, "another")]
    assert [e["body"]["found"] for e in run.entries("unsure")] == [30, 90]
    asked = [e["actor"] for e in run.entries("cleared") if e["action"] == "call_model"]
    assert asked[:3] == ["read", "read", "second_reader"]


@pytest.mark.scenario(52)
@pytest.mark.parametrize("limits", [rule("another")], indirect=True)
async def test_a_look_that_nobody_is_there_for_is_on_record(desk, limits):
    run = await refunding(desk, reads(40), AGREES, fallback=None)

    assert len(run.waiting) == 1
    assert doubts(run) == [(40, "another"), (40, "person")]
    skipped = run.entries("unsure")[0]
    assert skipped["body"]["skipped"]
    assert "the step has no such fallback" in moments([skipped])[0].what


@pytest.mark.scenario(52)
@pytest.mark.parametrize("limits", [rule("same", "another")], indirect=True)
async def test_a_look_that_comes_to_nothing_leaves_what_was_found_to_a_person(desk, limits):
    wrong = calls("Facts", order_id="T-001", amount=1, confidence=100)
    nothing = [calls("Facts", order_id="T-001") for _ in range(3)]
    run = await refunding(desk, reads(40), wrong, *nothing, AGREES)

    (asked,) = run.waiting
    assert asked["action_requests"][0]["args"]["amount"] == SMALL["amount"]
    assert desk.refunds() == []


@pytest.mark.scenario(52)
@pytest.mark.parametrize("limits", [rule("same")], indirect=True)
async def test_a_look_that_does_not_say_how_sure_it_is_is_none(desk, limits):
    maybe = create_model("Facts", __base__=office.Facts, confidence=(int | None, None))
    silent = calls("Facts", **SMALL)
    run = await refunding(desk, reads(40), silent, AGREES, agent=replace(READER, returns=maybe))

    assert "they are 40 % sure" in run.waiting[0]["action_requests"][0]["description"]
    assert run.entries("unsure")[0]["body"]["found"] is None


@pytest.mark.scenario(52)
@pytest.mark.parametrize("limits", [rule()], indirect=True)
async def test_of_two_steps_that_it_rests_on_both_must_say(desk, limits):
    run = await refunding(desk, reads(100), AGREES, rests_on=("read", "judge"))

    assert "nothing says how sure" in run.waiting[0]["action_requests"][0]["description"]


@pytest.mark.scenario(52)
@pytest.mark.parametrize("limits", [rule()], indirect=True)
async def test_a_result_is_no_surer_than_its_evidence(desk, limits):
    run = await refunding(desk, reads(100), AGREES, evidence=lambda *_: {"order_id": True, "amount": False})

    assert "they are 25 % sure" in run.waiting[0]["action_requests"][0]["description"]


@pytest.mark.scenario(52)
@pytest.mark.parametrize("limits", [rule("same")], indirect=True)
async def test_who_does_not_say_how_sure_they_are_is_not_sure_enough(desk, limits):
    graph = single(CASHIER).compile(name="single", checkpointer=desk.saver)
    token = await desk.plane.vault.token("harbor", "iban", office.IBANS["ann"])
    desk.script(calls("find_order", order_id="T-001"), calls("refund", **SMALL, iban=token), says("done"))
    run = await desk.start(graph)

    assert "nothing says how sure" in run.waiting[0]["action_requests"][0]["description"]
    await say(desk, run, type="approve")
    assert len(desk.refunds()) == 1


@pytest.mark.scenario(52)
@pytest.mark.parametrize("limits", [rule()], indirect=True)
async def test_values_that_a_person_gave_are_sure(desk, limits):
    invalid = [calls("Facts", order_id="T-001") for _ in range(6)]
    run = await refunding(desk, *invalid, AGREES, evidence=lambda *_: {"amount": False})
    (asked,) = run.waiting
    values = json.dumps({**SMALL, "confidence": 1})
    edited = {"name": asked["action_requests"][0]["name"], "args": {"step": "read", "values": values}}
    await say(desk, run, type="edit", edited_action=edited)

    assert run.outcome["status"] == "completed"
    assert len(desk.refunds()) == 1


@pytest.mark.scenario(52)
def test_an_act_can_only_rest_on_steps_before_it():
    act = Action(CASHIER, refund, money, rests_on=("judge", "reed"))
    with pytest.raises(PatternError, match="refund rests on judge, reed"):
        sequential([fact_step(), act, Step(JUDGE)])
