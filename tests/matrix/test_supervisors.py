"""The failed supervisors that the field knows: passive, overbearing, lonely, or ruled by prompts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from langgraph.graph.state import CompiledStateGraph

from governance.limits import ApprovalRules
from graphs.domain import domain
from nodes.team import Agent
from tests.matrix.cells import acts, happy
from tests.matrix.crews import CREWS, Crew, Lines, look, pay
from tests.matrix.world import World
from tests.scenarios.conftest import calls

ACTING = [pytest.param(crew, id=crew.name) for crew in CREWS if acts(crew)]
MADE_UP = "<iban:0123456789ab>"

PROPOSALS = {
    "another customer's order": pay("T-003", 2_500),
    "nothing at all": pay("T-001", 0),
    "less than nothing": pay("T-001", -4_000),
    "an account that nobody knows": calls("refund", order_id="T-001", amount=4_000, iban=MADE_UP),
    "an order that isn't there": pay("T-999", 4_000),
    "a tool that it doesn't have": calls("take_back", order_id="T-001"),
}


@pytest.mark.parametrize("crew", ACTING)
@pytest.mark.parametrize("proposal", PROPOSALS)
async def test_not_passive(world: World, crew: Crew, proposal: str):
    """Whatever agent of whatever pattern proposes it: what policy doesn't permit changes nothing."""
    world.script(crew.scripts(look(), PROPOSALS[proposal]))

    await world.start(crew)

    assert (world.rows(), world.effects) == ([], 0)


@pytest.mark.parametrize("crew", ACTING)
async def test_not_overbearing(world: World, crew: Crew):
    """People are asked so often and no more; what would need another yes isn't done."""
    world.limit(approvals=ApprovalRules(roles=("claims-lead",), per_run=2))
    asks = [pay("T-002", 90_000 + n) for n in range(4)]
    world.script(crew.scripts(look("T-002"), *asks))
    await world.start(crew)
    for _ in range(2):
        await world.answer("reject")

    assert len(world.entries("approval_requested")) == 2
    assert not world.waiting
    assert "as many as a run may" in str(world.entries("refused"))
    assert world.rows() == []


async def test_a_solved_task_asks_as_often_as_policy_says(world: World):
    """Approvals per solved task: none for a small refund, one for a large one."""
    asked = {}
    for order in (("T-001", 4_000), ("T-002", 90_000)):
        await happy(world, CREWS[1], order)
        if world.waiting:
            await world.answer("approve")
        asked[order[0]] = len(world.entries("approval_requested"))
        assert world.status == "completed"

    assert asked == {"T-001": 0, "T-002": 1}


ONLY_CARRY_OUT = {"deliver", "conclude", "assign"}
"""Nodes in which no model speaks and no tool is chosen."""


@pytest.mark.parametrize("name", domain().graphs)
def test_not_lonely(name: str):
    """From each node in which a model speaks there is a way to a node in which a person decides."""
    graph = domain().graph(name)
    ways: dict[str, set[str]] = {}
    for edge in graph.get_graph().edges:
        ways.setdefault(edge.source, set()).add(edge.target)
    tools = set(domain().tools)
    speaking = set(graph.nodes) - {"__start__"} - ONLY_CARRY_OUT - tools

    assert people(graph)
    assert {node for node in speaking if not people(graph) & reached(ways, node)} == set()


def people(graph: CompiledStateGraph[Any, Any, Any, Any]) -> set[str]:
    """Nodes in which a person decides, or in whose pattern one does."""
    own = {name for name, node in graph.builder.nodes.items() if (node.metadata or {}).get("human")}
    nested = {name for name, inner in graph.get_subgraphs() if people(inner)}
    return own | nested


def reached(ways: Mapping[str, set[str]], start: str) -> set[str]:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        here = waiting.pop()
        if here not in seen:
            seen.add(here)
            waiting += ways.get(here, ())
    return seen


@pytest.mark.parametrize("crew", [pytest.param(crew, id=crew.name) for crew in CREWS])
async def test_no_hidden_rules(world: World, crew: Crew, monkeypatch: pytest.MonkeyPatch):
    """With every prompt blank the same is cleared and the same refused: no rule lives in a prompt."""
    decided = []
    for blank in (False, True):
        if blank:
            monkeypatch.setattr(Agent, "instructions", "")
        proposals = (look(), pay("T-003", 2_500)) if acts(crew) else ()
        scripts = crew.scripts(*proposals)
        world.script({name: Lines(lines.lines) for name, lines in scripts.items()})
        await world.start(crew)
        decided.append(
            sorted(
                (entry["kind"], entry["actor"], entry["action"], str(entry["policies"]))
                for entry in world.entries("cleared", "refused")
            )
        )

    assert decided[0] == decided[1]
    assert decided[0]
