"""Scenarios 17 to 20: hand-overs that go nowhere end, and those that policy doesn't list don't happen."""

from __future__ import annotations

import pytest
from langgraph.graph.state import CompiledStateGraph

from graphs.handoff import handoff
from tests.scenarios.conftest import Office, calls, calls_all, says
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
async def test_a_forbidden_agent_is_refused_by_policy(desk):
    forbidden = handoff([A, STRANGER], edges={"a": ["stranger"]}).compile(
        name="handoff", checkpointer=desk.saver
    )
    desk.script(calls("transfer_to_stranger"), says("Then I'll answer myself."))

    run = await desk.start(forbidden)

    assert run.outcome["status"] == "completed"
    refused = run.entries("refused")
    assert [entry["action"] for entry in refused] == ["route"]
