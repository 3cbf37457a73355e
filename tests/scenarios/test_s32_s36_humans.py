"""Scenarios 32 to 36: a person's answer counts once, for what it was about, from who may give it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command

from governance.errors import Denied, InvalidInput
from governance.principals import User
from graphs.sequential import sequential
from graphs.single import single
from tests.scenarios.conftest import ANN, LENA, Office, Run, calls, says
from tests.second import office
from tests.second.office import CASHIER

BIG = {"order_id": "T-002", "amount": 90_000}
ACCOUNT = "DE89370400440532013000"


@pytest.fixture(params=["single", "sequential"])
async def run(request: pytest.FixtureRequest, desk: Office) -> Run:
    """A run that waits for a yes to a large refund: at a node of its own, or within an agent's loop."""
    graph: CompiledStateGraph
    if request.param == "sequential":
        graph = sequential(office.STEPS).compile(name="sequential", checkpointer=desk.saver)
        desk.script(calls("Facts", **BIG), calls("Verdict", refund=True, reason="cancelled"))
    else:
        graph = single(CASHIER).compile(name="single", checkpointer=desk.saver)
        token = await desk.plane.vault.token("harbor", "iban", ACCOUNT)
        desk.script(
            calls("find_order", order_id="T-002"), calls("refund", **BIG, iban=token), says("refunded")
        )
    return await desk.start(graph, "Refund T-002")


def answer(run: Run, kind: str = "approve", **more: Any) -> dict[str, Any]:
    return {"approval_id": run.waiting[0]["approval_id"], "decisions": [{"type": kind, **more}]}


@pytest.mark.scenario(32)
async def test_bare_and_wrong_answers_clear_nothing(desk, run):
    for value in (True, "approve", {"type": "approve"}, {"approval_id": "apr-none", "type": "approve"}):
        with pytest.raises(InvalidInput):
            await desk.plane.decide(LENA, value)
        await run.resume(value)
        assert run.waiting, "a resume without a decision on record is only a wake-up"
    assert desk.refunds() == []

    await desk.plane.decide(LENA, answer(run))
    again = answer(run)
    await run.resume()
    await desk.plane.decide(LENA, again)
    assert [row[:2] for row in desk.refunds()] == [("T-002", 90_000)]


@pytest.mark.scenario(33)
async def test_an_edit_is_cleared_again_and_a_switched_tool_is_refused(desk, run):
    args = run.waiting[0]["action_requests"][0]["args"]
    foreign = await desk.plane.vault.token("harbor", "iban", office.IBANS["bob"])
    for name, edited, error in (
        ("take_back", args, InvalidInput),
        ("refund", args | {"iban": foreign}, Denied),
    ):
        with pytest.raises(error):
            await desk.plane.decide(LENA, answer(run, "edit", edited_action={"name": name, "args": edited}))
    assert run.waiting

    smaller = args | {"amount": 70_000}
    await desk.plane.decide(LENA, answer(run, "edit", edited_action={"name": "refund", "args": smaller}))
    await run.resume()
    assert [row[:2] for row in desk.refunds()] == [("T-002", 70_000)]


@pytest.mark.scenario(34)
async def test_the_requester_and_the_wrong_role_are_refused(desk, run):
    for user in (
        User(ANN.id, "harbor", frozenset({"claims-lead"})),
        User("hanna", "harbor", frozenset({"claims-handler"})),
    ):
        with pytest.raises(Denied):
            await desk.plane.decide(user, answer(run))
    with pytest.raises(InvalidInput, match="there is no approval"):
        await desk.plane.decide(User("noah", "lakeside", frozenset({"claims-lead"})), answer(run))
    await run.resume()
    assert run.waiting
    assert desk.refunds() == []


@pytest.mark.scenario(34)
async def test_no_leads_to_rejected_and_nothing_is_done(desk, run):
    await desk.plane.decide(LENA, answer(run, "reject", message="not with me"))
    await run.resume()

    assert run.outcome["status"] == "rejected"
    assert "not with me" in str(run.outcome)
    assert desk.refunds() == []


@pytest.mark.scenario(35)
async def test_two_resumes_at_once_have_one_effect(desk, run):
    await desk.plane.decide(LENA, answer(run))
    go = (run.graph.ainvoke(Command(resume="woken"), run.config, durability="sync") for _ in range(2))
    await asyncio.gather(*go)
    assert [row[:2] for row in desk.refunds()] == [("T-002", 90_000)]


@pytest.mark.scenario(35)
async def test_an_old_checkpoint_has_no_second_effect(desk, run):
    await desk.plane.decide(LENA, answer(run))
    await run.resume()
    history = [state async for state in run.graph.aget_state_history(run.config)]

    for state in history:
        if state.next:
            old = {**run.config["configurable"], **state.config["configurable"]}
            await run.graph.ainvoke(None, {"configurable": old}, durability="sync")
    assert [row[:2] for row in desk.refunds()] == [("T-002", 90_000)]


@pytest.mark.scenario(36)
@pytest.mark.parametrize(
    "form",
    [
        lambda approval: {"approval_id": approval, "decisions": [{"type": "approve"}]},
        lambda approval: {"approval_id": approval, "type": "approve"},
        lambda approval: [{"approval_id": approval, "type": "accept", "args": None}],
    ],
    ids=["current", "single", "inbox-list"],
)
async def test_every_form_of_a_yes_is_understood(desk, run, form):
    await desk.plane.decide(LENA, form(run.waiting[0]["approval_id"]))
    await run.resume()
    assert len(desk.refunds()) == 1


@pytest.mark.scenario(36)
async def test_malformed_stays_pending_and_unknown_is_a_no(desk, run):
    approval = run.waiting[0]["approval_id"]
    with pytest.raises(InvalidInput):
        await desk.plane.decide(LENA, {"approval_id": approval, "decisions": "yes"})
    assert (await desk.plane.approval(approval)).state == "pending"

    await desk.plane.decide(LENA, {"approval_id": approval, "decisions": [{"type": "maybe"}]})
    await run.resume()
    assert desk.refunds() == []
