"""Cells for the failed supervisors that the field knows: passive, overbearing, lonely, ruled by prompts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from langgraph.graph.state import CompiledStateGraph

from governance.limits import ApprovalRules
from graphs.magentic import magentic
from nodes.team import Agent
from nodes.worker import Worker
from tests.matrix.cells import acts, never_valid
from tests.matrix.crews import ACTS, LEAD, Crew, Line, Lines, look, pay
from tests.matrix.world import World
from tests.scenarios.conftest import calls
from tests.second.assessors import opines
from tests.second.office import PROMPTS

PROMPT = (PROMPTS / "prompt.md").read_text(encoding="utf-8").strip()

PROPOSALS: dict[str, Line] = {
    "another customer's order": pay("T-003", 2_500),
    "nothing at all": pay("T-001", 0),
    "an account that nobody knows": calls(
        "refund", order_id="T-001", amount=4_000, iban="<iban:0123456789ab>"
    ),
    "an order that isn't there": pay("T-999", 4_000),
}
"""What policy has to refuse, since it fits the tool's schema."""


async def passive(world: World, crew: Crew, proposals: Mapping[str, Line] = PROPOSALS) -> None:
    """Whatever agent proposes it: policy refuses what it doesn't permit, and the log says so."""
    for name, proposal in proposals.items():
        world.script(crew.scripts(look(), proposal))
        await world.start(crew)

        refused = [entry for entry in world.entries("refused") if entry["action"] == "refund"]
        assert refused, f"{name}: nobody refused it"
        assert (world.rows(), world.effects) == ([], 0), name


async def overbearing(world: World, crew: Crew) -> None:
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


ONLY_CARRY_OUT = {"deliver", "conclude", "assign"}
"""Nodes in which no model speaks and no tool is chosen."""


async def lonely(world: World, crew: Crew) -> None:
    """There is a way to a person from each node in which a model speaks, and who is at a loss takes it."""
    if crew.name == "magentic":  # the crew's plan is reviewed by nobody, which its builder leaves to choose
        crew = replace(crew, build=lambda: magentic(LEAD, [Worker(ACTS)]))
    assert alone(crew.build().compile(name=crew.name)) == set()
    await at_a_loss(world, crew)


async def at_a_loss(world: World, crew: Crew) -> None:
    """Where nobody in the crew can settle it, a person is asked."""
    scripts = never_valid(crew)
    if crew.name == "concurrent":  # who gives no verdict is absent; at a loss are those who don't agree
        scripts = crew.scripts() | {"Job of rules.": Lines([opines("refuse")])}
        scripts |= {"Job of money.": Lines([opines("look")])}
    world.script(scripts)
    await world.start(crew)

    assert world.waiting, "nobody is asked"


def alone(graph: CompiledStateGraph[Any, Any, Any, Any], tools: frozenset[str] = frozenset()) -> set[str]:
    """Nodes in which a model speaks and from which no way leads to a person."""
    ways: dict[str, set[str]] = {}
    for edge in graph.get_graph().edges:
        ways.setdefault(edge.source, set()).add(edge.target)
    speaking = set(graph.nodes) - {"__start__"} - ONLY_CARRY_OUT - tools
    return {node for node in speaking if not people(graph) & reached(ways, node)}


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


async def hidden_rules(world: World, crew: Crew) -> None:
    """With every prompt blank the same is cleared and the same refused: no rule lives in a prompt."""
    decided = [await _decided(world, crew)]
    # A property, since agents keep what they have read once and an attribute would leave them that.
    with patch.object(Agent, "instructions", property(lambda _: "")):
        decided.append(await _decided(world, crew))
        assert PROMPT not in str(world.model.prompts)

    assert decided[0]
    assert decided[0] == decided[1], "with other prompts it is decided otherwise"


async def _decided(world: World, crew: Crew) -> list[tuple[str, ...]]:
    world.script(crew.scripts(*((look(), pay("T-003", 2_500)) if acts(crew) else ())))
    await world.start(crew)
    return sorted(
        (entry["kind"], entry["actor"], entry["action"], str(entry["policies"]))
        for entry in world.entries("cleared", "refused")
    )
