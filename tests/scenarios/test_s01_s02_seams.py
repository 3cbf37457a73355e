"""Scenarios 1, 2 and 51: what passes from one agent to the next is valid and agrees with the records."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from langgraph.graph.state import CompiledStateGraph

from graphs.sequential import sequential
from graphs.single import single
from tests.scenarios.conftest import LENA, Office, calls, says
from tests.second import office

GOOD = {"order_id": "T-001", "amount": 4000}
YES = {"refund": True, "reason": "it was cancelled"}


@pytest.fixture
def chain(desk: Office) -> CompiledStateGraph:
    return sequential(office.STEPS).compile(name="sequential", checkpointer=desk.saver)


@pytest.mark.scenario(1)
async def test_two_invalid_results_are_repaired_and_only_the_valid_one_goes_on(desk, chain):
    desk.script(
        calls("Facts", order_id="none", amount=1),
        calls("Facts", order_id="T-001"),
        calls("Facts", **GOOD),
        calls("Verdict", **YES),
    )

    run = await desk.start(chain)

    assert run.outcome["status"] == "completed"
    assert desk.model.calls == 4
    last_prompt = desk.model.prompts[-1].text
    assert "T-001" in last_prompt
    assert "none" not in last_prompt.replace("nonexistent", "")
    assert len(run.entries("invalid_output")) == 2
    assert [row[:2] for row in desk.refunds()] == [("T-001", 4000)]


@pytest.mark.scenario(2)
async def test_never_valid_goes_to_the_fallback_then_to_a_person_then_fails(desk, chain):
    desk.script(*[calls("Facts", order_id="none", amount=1)] * 6)

    run = await desk.start(chain)

    assert desk.model.calls == 6, "three tries of the agent, three of its fallback"
    assert [asked["review_configs"][0]["allowed_decisions"] for asked in run.waiting] == [["edit", "reject"]]
    await desk.plane.decide(
        LENA, {"approval_id": run.waiting[0]["approval_id"], "type": "reject", "message": "illegible"}
    )
    await run.resume()
    assert run.outcome["status"] == "failed"
    assert "illegible" in " ".join(run.outcome["reasons"])
    assert desk.refunds() == []


@pytest.mark.scenario(2)
async def test_a_person_can_settle_what_no_agent_could(desk, chain):
    desk.script(*[says("I can't say")] * 6, calls("Verdict", **YES))
    run = await desk.start(chain)
    question = run.waiting[0]

    edited = {"name": "ask_human", "args": {"step": "read", "values": json.dumps(GOOD)}}
    await desk.plane.decide(
        LENA, {"approval_id": question["approval_id"], "type": "edit", "edited_action": edited}
    )
    await run.resume()

    assert run.outcome["status"] == "completed"
    assert [row[:2] for row in desk.refunds()] == [("T-001", 4000)]


@pytest.mark.scenario(51)
async def test_a_value_that_contradicts_the_records_stops_before_any_effect(desk, chain):
    desk.script(calls("Facts", order_id="T-001", amount=9999))

    run = await desk.start(chain)

    assert desk.model.calls == 1, "asking again would only teach the model to hide it"
    assert "cost 4000" in run.waiting[0]["action_requests"][0]["description"]
    assert run.entries("contradiction")
    await desk.plane.decide(LENA, {"approval_id": run.waiting[0]["approval_id"], "type": "reject"})
    await run.resume()
    assert run.outcome["status"] == "rejected"
    assert desk.refunds() == []


@pytest.mark.scenario(51)
async def test_an_edit_that_contradicts_the_records_is_asked_about_again(desk, chain):
    desk.script(calls("Facts", order_id="T-001", amount=9999), calls("Verdict", **YES))
    run = await desk.start(chain)

    for amount, waiting in ((5000, True), (4000, False)):
        values = json.dumps({"order_id": "T-001", "amount": amount})
        answer = {"name": "ask_human", "args": {"step": "read", "values": values}}
        approval = run.waiting[0]["approval_id"]
        await desk.plane.decide(LENA, {"approval_id": approval, "type": "edit", "edited_action": answer})
        await run.resume()
        assert bool(run.waiting) is waiting

    assert [row[:2] for row in desk.refunds()] == [("T-001", 4000)]


@pytest.mark.scenario(51)
async def test_another_customers_order_is_refused_at_the_record_itself(desk, chain):
    desk.script(calls("Facts", order_id="T-003", amount=2500))

    run = await desk.start(chain)

    assert run.outcome["status"] == "denied"
    assert "only-own-orders" in str(run.entries("refused"))
    assert desk.refunds() == []


@pytest.mark.scenario(2)
async def test_one_agent_alone_has_a_fallback_and_a_person_behind_it(desk):
    """Bounded repair, another agent, a person; and each is seen in the log."""
    graph = single(office.CASHIER, fallback=office.A).compile(name="single", checkpointer=desk.saver)
    desk.script(*[says("")] * 6)

    run = await desk.start(graph)

    assert desk.model.calls == 6
    assert {entry["body"]["agent"] for entry in run.entries("invalid_output")} == {"cashier", "a"}
    await desk.plane.decide(LENA, {"approval_id": run.waiting[0]["approval_id"], "type": "reject"})
    await run.resume()
    assert run.outcome["status"] == "failed"


@pytest.mark.scenario(2)
async def test_after_a_write_no_other_agent_begins_anew(desk):
    iban = await desk.plane.vault.token("harbor", "iban", office.IBANS["ann"])
    pay = {"order_id": "T-001", "amount": 4000, "iban": iban}
    graph = single(office.CASHIER, fallback=replace(office.CASHIER, name="second"))
    desk.script(calls("refund", **pay), *[says("")] * 3, calls("refund", **pay), says("done"))

    run = await desk.start(graph.compile(name="single", checkpointer=desk.saver))

    assert run.waiting, "a person goes on, who can see what was done"
    assert desk.model.calls == 4
    assert [row[:2] for row in desk.refunds()] == [("T-001", 4000)]
