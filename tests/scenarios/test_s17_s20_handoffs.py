"""Scenarios 10 and 17 to 20: hand-overs that go nowhere end; those that policy doesn't list don't happen."""

from __future__ import annotations

from typing import Annotated

import pytest
from langgraph.graph.state import CompiledStateGraph
from pydantic import BaseModel, Field

from graphs.handoff import Edge, handoff
from nodes.conversation import only_words
from tests.scenarios.conftest import LENA, Office, calls, calls_all, says
from tests.second.office import A, B, C, agent

STRANGER = agent("stranger", "cashier")
EDGES = {"a": ["b"], "b": ["a", "c"], "c": ["a"]}


@pytest.fixture
def team(desk: Office) -> CompiledStateGraph:
    return handoff([A, B, C], edges=EDGES).compile(name="handoff", checkpointer=desk.saver)


@pytest.mark.scenario(17)
async def test_two_agents_handing_over_forever_are_stopped(desk, team):
    desk.script(*[calls("transfer_to_b"), calls("transfer_to_a")] * 20)

    run = await desk.start(team)

    assert run.outcome["status"] == "loop_detected"
    assert desk.model.calls < 20


@pytest.mark.scenario(18)
async def test_a_circle_of_three_is_seen(desk, team):
    desk.script(*[calls("transfer_to_b"), calls("transfer_to_c"), calls("transfer_to_a")] * 9)

    run = await desk.start(team)

    assert run.outcome["status"] == "loop_detected"
    assert desk.model.calls == 3


@pytest.mark.scenario(18)
async def test_going_back_with_something_learned_is_no_loop(desk, team):
    desk.script(
        calls("transfer_to_b"),
        calls("find_order", order_id="T-001"),
        calls("transfer_to_a"),
        says("It cost 40.00."),
    )

    run = await desk.start(team)

    assert run.outcome["status"] == "completed"
    assert run.outcome["answer"] == "It cost 40.00."


@pytest.mark.scenario(19)
async def test_of_two_hand_overs_in_one_turn_the_first_is_taken_and_every_call_is_answered(desk, team):
    desk.script(
        calls("transfer_to_b"),
        calls_all(("transfer_to_c", {}), ("find_order", {"order_id": "T-001"}), ("transfer_to_a", {})),
        says("done"),
    )

    run = await desk.start(team)

    answered = {m.tool_call_id: m.text for m in run.state["messages"] if m.type == "tool"}
    asked = [c for m in run.state["messages"] if m.type == "ai" for c in m.tool_calls]
    assert set(answered) == {c["id"] for c in asked}
    assert "4000" in answered[next(c["id"] for c in asked if c["name"] == "find_order")]
    kept = (await team.aget_state(run.config)).values
    assert kept["active"] == "c"


@pytest.mark.scenario(20)
async def test_an_unknown_agent_is_told_so(desk, team):
    desk.script(calls("transfer_to_nobody"), says("I'll answer myself."))

    run = await desk.start(team)

    assert run.outcome["status"] == "completed"
    assert "there is no tool transfer_to_nobody" in str(run.state["messages"])


@pytest.mark.scenario(20)
async def test_who_keeps_calling_a_tool_that_it_does_not_have_is_stopped(desk, team):
    """Not for several calls in one answer, of which it hadn't been told yet; nor for other arguments."""
    desk.script(calls_all(*[("refind", {})] * 3), *[calls("refind", order_id=f"T-00{n}") for n in range(9)])

    run = await desk.start(team)

    assert run.outcome["status"] == "loop_detected"
    said = "a called refind 3 times, a tool that it doesn't have; it has find_order, transfer_to_b"
    assert said in run.outcome["reasons"][0]
    assert (await desk.plane.usage(run.id))["model_calls"] == 3


@pytest.mark.scenario(20)
async def test_a_forbidden_agent_is_refused_by_policy(desk):
    forbidden = handoff([A, STRANGER], edges={"a": ["stranger"]}).compile(
        name="handoff", checkpointer=desk.saver
    )
    desk.script(calls("transfer_to_stranger"), says("Then I'll answer myself."))

    run = await desk.start(forbidden)

    assert run.outcome["status"] == "completed"
    refused = run.entries("refused")
    assert [entry["action"] for entry in refused] == ["route"]


@pytest.mark.scenario(10)
async def test_one_hand_over_too_many_ends_with_what_is_known_and_no_further_call(desk):
    team = handoff([A, B, C], edges=EDGES, max_handoffs=1).compile(name="handoff", checkpointer=desk.saver)
    desk.script(
        calls_all(("find_order", {"order_id": "T-001"}), ("transfer_to_b", {})),
        calls_all(("find_order", {"order_id": "T-003"}), ("transfer_to_c", {})),
    )

    run = await desk.start(team)

    assert run.outcome["status"] == "limit_reached"
    assert run.outcome["undone"] == ["the request, which a owns"]
    assert desk.model.calls == 2


class Case(BaseModel):
    """What the next one must know."""

    order_id: Annotated[str, Field(pattern=r"^T-\d{3}$")]
    wants: str


def with_case(desk: Office, *, sees: object = None) -> CompiledStateGraph:
    way = Edge("b", payload=Case, **({"sees": sees} if sees else {}))
    return handoff([A, B], edges={"a": [way]}).compile(name="handoff", checkpointer=desk.saver)


@pytest.mark.scenario(20)
async def test_a_payload_that_does_not_fit_is_told_and_nobody_moves(desk):
    desk.script(
        calls("transfer_to_b", order_id="one", wants="money"),
        calls("transfer_to_b", order_id="T-001"),
        calls("transfer_to_b", order_id="T-001", wants="money"),
        says("done"),
    )

    run = await desk.start(with_case(desk))

    assert run.outcome["status"] == "completed"
    assert "order_id: String should match pattern" in desk.model.prompts[1].text
    assert "wants: Field required" in desk.model.prompts[2].text
    assert len([e for e in run.entries("cleared") if e["action"] == "route"]) == 1


@pytest.mark.scenario(20)
async def test_a_payload_that_never_fits_is_bounded(desk):
    desk.script(*[calls("transfer_to_b", order_id=f"x{n}") for n in range(30)])

    run = await desk.start(with_case(desk))

    assert run.outcome["status"] == "limit_reached"
    assert desk.model.calls < 20


@pytest.mark.parametrize(("sees", "shown"), [(None, True), (only_words, False)])
async def test_the_next_agent_sees_what_the_edge_lets_it_see(desk, sees, shown):
    desk.script(
        calls("find_order", order_id="T-001"),
        calls("transfer_to_b", order_id="T-001", wants="money"),
        says("done"),
    )

    run = await desk.start(with_case(desk, sees=sees))

    prompt = desk.model.prompts[-1]
    assert ("4000" in prompt.text) is shown
    assert "Refund T-001 please" in prompt.text
    assert "money" in str(prompt.messages), "what was said when handing over is always seen"
    assert "4000" in str(run.state["messages"]), "the history itself is whole"


async def test_what_an_agent_cannot_do_comes_to_a_person(desk, team):
    desk.script(calls("transfer_to_b"), says(""), says(""), says(""))

    run = await desk.start(team)

    (asked,) = run.waiting
    args = asked["action_requests"][0]["args"]
    assert args["step"] == "b"
    edited = {"name": asked["action_requests"][0]["name"], "args": args | {"values": '{"answer": "40.00"}'}}
    decision = {"type": "edit", "edited_action": edited}
    await desk.plane.decide(LENA, {"approval_id": asked["approval_id"], "decisions": [decision]})
    await run.resume()
    assert run.outcome["status"] == "completed"
    assert run.outcome["answer"] == "40.00"
    assert desk.model.calls == 4


async def test_a_persons_no_ends_it(desk, team):
    desk.script(says(""), says(""), says(""))

    run = await desk.start(team)
    (asked,) = run.waiting
    decision = {"type": "reject", "message": "not ours"}
    await desk.plane.decide(LENA, {"approval_id": asked["approval_id"], "decisions": [decision]})
    await run.resume()

    assert run.outcome["status"] == "failed"
    assert run.outcome["undone"] == ["the request, which a owns"]
