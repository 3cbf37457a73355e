"""Answers that only look like ones: a call that can't be read, or a text that ends where the tokens ended."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from langchain_core.messages import AIMessage, ToolMessage

from graphs.single import single
from tests.scenarios.conftest import LENA, Office, calls, says
from tests.second.office import CASHIER, Facts

BROKEN = {"name": "refund", "args": '{"order_id": "T-0', "id": "call-x", "error": None}


async def ended(desk: Office, *lines: AIMessage) -> dict[str, Any]:
    desk.script(*lines)
    graph = single(CASHIER).compile(name="single", checkpointer=desk.saver)
    run = await desk.start(graph)
    return {"waiting": run.waiting} if run.waiting else run.outcome


def breaks(text: str = "I will do that now.", **more: Any) -> AIMessage:
    return AIMessage(text, invalid_tool_calls=[BROKEN], **more)


async def test_an_announcement_beside_a_call_that_cannot_be_read_is_no_answer(desk):
    outcome = await ended(desk, breaks(), says("I could not do it."))

    assert outcome["answer"] == "I could not do it."
    told = [m for m in desk.model.prompts[-1].messages if isinstance(m, ToolMessage)]
    assert [(m.tool_call_id, m.status) for m in told] == [("call-x", "error")], "every call id is answered"
    (noted,) = desk.plane.audit.entries(kind="invalid_output")
    assert "refund" in noted["body"]["problem"]


async def test_the_calls_beside_it_that_can_be_read_are_carried_out(desk):
    mixed = breaks()
    mixed.tool_calls = calls("find_order", order_id="T-001").tool_calls

    outcome = await ended(desk, mixed, says("It is there."))

    assert outcome["answer"] == "It is there."
    assert [e["action"] for e in desk.plane.audit.entries(kind="settled")].count("find_order") == 1


async def test_a_result_beside_a_call_that_cannot_be_read_is_given_again(desk):
    early = breaks()
    early.tool_calls = calls("Facts", order_id="T-001", amount=4_000).tool_calls
    agent = replace(CASHIER, returns=Facts)
    desk.script(early, calls("Facts", order_id="T-001", amount=4_000))
    run = await desk.start(single(agent).compile(name="single", checkpointer=desk.saver))

    assert run.outcome["status"] == "completed"
    assert desk.model.calls == 2


async def test_who_never_makes_a_call_that_can_be_read_gives_no_answer(desk):
    outcome = await ended(desk, *[breaks()] * 4)

    assert outcome.get("status") != "completed"
    assert desk.model.calls <= 4


@pytest.mark.parametrize("why", ["length", "content_filter"])
async def test_half_an_answer_is_asked_for_again_and_paid(desk, why):
    half = AIMessage("The refund of 40.00 is n", response_metadata={"finish_reason": why})

    outcome = await ended(desk, half, says("The refund of 40.00 is not possible."))

    assert outcome["answer"] == "The refund of 40.00 is not possible."
    (failed,) = desk.plane.audit.entries(kind="failed")
    assert why in failed["body"]["error"]
    assert failed["cost"]["tokens"] > 0, "what was used of it is paid"


async def test_answers_that_always_end_too_soon_end_the_run_with_that_reason(desk):
    half = AIMessage("The refund of 40.00 is n", response_metadata={"finish_reason": "length"})

    outcome = await ended(desk, half, half)

    assert "length" in str(outcome)
    assert outcome.get("status") != "completed"


async def test_who_settles_what_no_agent_could_is_told_the_fields_and_what_was_wrong_with_them(desk):
    desk.script(*[says("I don't know.")] * 3)
    graph = single(replace(CASHIER, returns=Facts)).compile(name="single", checkpointer=desk.saver)
    run = await desk.start(graph)
    (asked,) = await desk.plane.pending("harbor")
    assert "`values` is JSON with order_id (string: Order number); amount (integer" in asked.description

    edited = {"name": "ask_human", "args": {**asked.args, "values": '{"order_id": "T-001"}'}}
    decisions = [{"type": "edit", "edited_action": edited}]
    await desk.plane.decide(LENA, {"approval_id": asked.id, "decisions": decisions})
    await run.resume()

    (again,) = await desk.plane.pending("harbor")
    assert "amount: Field required" in again.description
    assert "pydantic" not in again.description
