"""An agent that says it did what it didn't do: a real language model's most dangerous answer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from graphs.handoff import handoff
from graphs.single import single
from models.scripted import ScriptedChatModel
from tests.scenarios.conftest import Office, calls, says
from tests.second.office import CASHIER, IBANS, A, Facts

PAYER = replace(CASHIER, duty="write")
READER = replace(CASHIER, duty="read")
SAID = says("Your money was refunded.")


async def refund(desk: Office, amount: int = 4_000) -> Any:
    token = await desk.plane.vault.token("harbor", "iban", IBANS["ann"])
    return calls("refund", order_id="T-001", amount=amount, iban=token)


async def start(desk: Office, agent: Any, *lines: Any) -> Any:
    desk.script(*lines)
    return await desk.start(single(agent).compile(name="single", checkpointer=desk.saver))


async def test_an_answer_without_the_act_is_not_taken_and_a_person_is_asked(desk):
    run = await start(desk, PAYER, *[SAID] * 9)

    assert desk.refunds() == []
    assert run.waiting
    assert desk.model.calls == 3
    noted = desk.plane.audit.entries(kind="invalid_output")
    assert all("nothing is done yet" in entry["body"]["problem"] for entry in noted)


async def test_without_the_duty_the_same_words_would_be_taken(desk):
    run = await start(desk, CASHIER, SAID)

    assert (run.outcome["status"], desk.refunds()) == ("completed", [])


async def test_an_answer_without_a_look_is_not_taken(desk):
    """A real model: billing said that it had been handed over to billing, and had looked nothing up."""
    run = await start(desk, READER, *[says("It was handed over to the till.")] * 9)

    assert run.waiting
    assert desk.model.calls == 3


async def test_an_answer_after_a_look_is_taken(desk):
    run = await start(desk, READER, SAID, calls("find_order", order_id="T-001"), says("It cost 40.00."))

    assert (run.outcome["status"], run.outcome["answer"]) == ("completed", "It cost 40.00.")


async def test_who_is_told_may_do_it_still(desk):
    run = await start(
        desk, PAYER, SAID, calls("find_order", order_id="T-001"), SAID, await refund(desk), SAID
    )

    assert run.outcome["status"] == "completed"
    assert [row[:2] for row in desk.refunds()] == [("T-001", 4_000)]


async def test_who_said_so_without_doing_it_must_call_a_tool_next(desk, monkeypatch):
    choices: list[str] = []
    bind = ScriptedChatModel.bind_tools

    def bound(model: ScriptedChatModel, tools: Any, **kwargs: Any) -> Any:
        choices.append(kwargs["tool_choice"])
        return bind(model, tools, **kwargs)

    monkeypatch.setattr(ScriptedChatModel, "bind_tools", bound)
    await start(desk, PAYER, SAID, await refund(desk), SAID)

    assert choices == ["auto", "any", "auto"]


async def test_a_write_that_was_refused_is_no_lie_and_ends_as_refused(desk):
    run = await start(desk, PAYER, await refund(desk, amount=0), says("It was refused."))

    assert (run.outcome["status"], desk.refunds()) == ("denied", [])
    assert desk.model.calls == 2


async def test_a_result_without_the_act_is_not_taken_either(desk):
    said = calls("Facts", order_id="T-001", amount=4_000)
    run = await start(desk, replace(PAYER, returns=Facts), said, await refund(desk), said)

    assert run.outcome["status"] == "completed"
    assert len(desk.refunds()) == 1


async def test_who_hands_over_owes_nothing(desk):
    payer = replace(PAYER, name="p")
    team = handoff([payer, A], edges={"p": ["a"], "a": []}).compile(name="handoff", checkpointer=desk.saver)
    desk.script(calls("transfer_to_a"), says("It cost 40.00."))
    run = await desk.start(team)

    assert run.outcome["answer"] == "It cost 40.00."


def test_the_duty_is_part_of_the_agents_version():
    assert PAYER.identity.version != CASHIER.identity.version
