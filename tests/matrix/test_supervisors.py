"""The failed supervisors beyond one cell each: every proposal by itself, and the desk's own graphs."""

from __future__ import annotations

from typing import Any

import pytest

from governance.control import ControlPlane
from governance.errors import ApprovalRejected
from graphs.domain import domain
from tests.matrix.cells import acts, happy
from tests.matrix.crews import CREWS, SINGLE, Crew, look, pay
from tests.matrix.supervisors import PROPOSALS, alone, at_a_loss, passive, people
from tests.matrix.switches import policy
from tests.matrix.world import World
from tests.scenarios.conftest import calls

ACTING = [pytest.param(crew, id=crew.name) for crew in CREWS if acts(crew)]

BEFORE_POLICY = {
    "less than nothing": (pay("T-001", -4_000), "greater than or equal to 0"),
    "a tool that it doesn't have": (calls("take_back", order_id="T-001"), "there is no tool take_back"),
}
"""What is stopped by the tool's schema, or since the agent has no such tool, with the words it is told."""


@pytest.mark.parametrize("proposal", PROPOSALS)
async def test_nothing_but_policy_stops_it(world: World, proposal: str, monkeypatch: pytest.MonkeyPatch):
    policy(monkeypatch)

    with pytest.raises(AssertionError, match="nobody refused it"):
        await passive(world, SINGLE, {proposal: PROPOSALS[proposal]})


@pytest.mark.parametrize("crew", ACTING)
@pytest.mark.parametrize("proposal", BEFORE_POLICY)
async def test_what_policy_never_sees_is_stopped_and_the_agent_told(world: World, crew: Crew, proposal: str):
    call, told = BEFORE_POLICY[proposal]
    world.script(crew.scripts(look(), call))

    await world.start(crew)

    assert (world.rows(), world.effects) == ([], 0)
    assert any(told in prompt.text for prompt in world.model.prompts)


async def test_a_solved_task_asks_as_often_as_policy_says(world: World):
    """Approvals per solved task: none for a small refund, one for a large one."""
    asked = {}
    for order in (("T-001", 4_000), ("T-002", 90_000)):
        await happy(world, SINGLE, order)
        if world.waiting:
            await world.answer("approve")
        asked[order[0]] = len(world.entries("approval_requested"))
        assert world.status == "completed"

    assert asked == {"T-001": 0, "T-002": 1}


@pytest.mark.parametrize("crew", CREWS, ids=lambda crew: crew.name)
async def test_where_nobody_can_be_asked_it_is_noticed(
    world: World, crew: Crew, monkeypatch: pytest.MonkeyPatch
):
    async def nobody(*_: Any, **__: Any) -> Any:
        approval = "none"
        raise ApprovalRejected(approval, "nobody is there")

    monkeypatch.setattr(ControlPlane, "request_approval", nobody)

    with pytest.raises(AssertionError, match="nobody is asked"):
        await at_a_loss(world, crew)


@pytest.mark.parametrize("name", domain().graphs)
def test_no_graph_of_the_desk_is_lonely(name: str):
    graph = domain().graph(name)

    assert people(graph)
    assert alone(graph, frozenset(domain().tools)) == set()
