"""Roster: who works in a graph, and what they lack that would show only in a run."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from types import CellType, FunctionType
from typing import TYPE_CHECKING, Any

from langgraph.pregel import Pregel

from governance.cedar_schema import SEAM_ACTIONS
from governance.identity import read_users
from governance.limits import load_limits
from governance.policy import POLICIES, load_policy
from governance.policy_names import unknown_names
from governance.principals import AgentIdentity
from governance.settings import Settings
from models.door import choose
from nodes.admission import CALL
from nodes.human_agent import HumanAgent
from nodes.nested import Nested
from nodes.team import Agent

if TYPE_CHECKING:
    from graphs.domain import Domain

OWN_KINDS = {"person", "pattern", "by_hand", "undo", "escalation", "delivery", "chair", "reconciliation"}
"""Kinds that Tower's own policies speak of, whether or not a graph of this application has them."""
Permit = tuple[set[str], set[str]]
"""Actions, and the agents' names or kinds; empty means any."""


def roster(graph: Any) -> list[Agent | AgentIdentity]:
    """All whom a graph's nodes hold, nested graphs too; not who is behind a function that a node calls."""
    seen: dict[int, Any] = {}  # the objects as well, so that nothing else gets their ids
    waiting = [graph]
    while waiting:
        held = waiting.pop()
        if id(held) not in seen:
            waiting += _within(held)
        seen[id(held)] = held
    return [held for held in seen.values() if isinstance(held, Agent | AgentIdentity)]


def misfits(application: Domain, folders: Sequence[Path] = (POLICIES,)) -> list[str]:
    """What agents lack that a run would be refused, and the names in policies and limits that nobody has."""
    teams = {name: roster(application.graph(name)) for name in application.graphs}
    permits = load_policy(folders, application.tools.surfaces() or None).files.permits()
    contracts = application.admission.contracts
    found = [
        f"{name}: agent {agent.name}: {flaw}"
        for name, team in teams.items()
        for agent in team
        if isinstance(agent, Agent)
        for flaw in _lacking(agent, application.tools, contracts.get(name, ()), permits)
    ]
    everybody, users = [*chain(*teams.values())], read_users(folders).values()
    steps = {step.rpartition("|")[2] for name in teams for step in application.steps(name)}
    known: dict[str, set[str]] = {
        "AgentKind": OWN_KINDS.union(agent.kind for agent in everybody),
        "Agent": {"human", "person", *teams, *steps}.union(agent.name for agent in everybody),
        "Role": {"operator", "auditor"}.union(*(user.roles for user in users)),
        "User": {user.id for user in users},
        "Tenant": {user.tenant for user in users},
        "Tool": {*application.tools},
        "action": {*SEAM_ACTIONS, *application.tools},
        "Graph": {CALL, *teams},
        "Person": {agent.name for agent in everybody if isinstance(agent, HumanAgent)},
    }
    limits = load_limits(Settings.from_env(), folder=folders[0])
    return [*dict.fromkeys(found), *unknown_names(folders, limits, known)]


def _lacking(
    agent: Agent, tools: Collection[str], contract: Collection[str], permits: Sequence[Permit]
) -> Iterator[str]:
    names = {agent.kind, agent.name}
    may = [actions for actions, agents in permits if not agents or agents & names]
    if not isinstance(agent, HumanAgent | Nested):
        try:
            choose(agent.model)
        except LookupError as error:
            yield str(error.args[0])
        if not any(not actions or "call_model" in actions for actions in may):
            yield f"no policy permits {agent.kind} agents to call_model; permit it"
    for tool in (tool.name for tool in agent.tools):
        if tools and tool not in tools:
            yield f"its tool {tool} isn't in the domain's Toolbox; add it"
        elif tool not in contract:
            yield f"its tool {tool} isn't in the graph's contract; add it in admission"
        elif not any(not actions or actions & {tool, "call"} for actions in may):
            yield f"no policy permits {agent.kind} agents to call {tool}; permit it, or take the tool away"


def _within(value: Any) -> Iterable[Any]:
    if isinstance(value, Agent | AgentIdentity):
        return [value.graph] if isinstance(value, Nested) else ()
    if isinstance(value, Pregel):
        return [node.bound for node in value.nodes.values()]
    if isinstance(value, Mapping):
        return value.values()
    if isinstance(value, list | tuple | set | frozenset):
        return value
    if isinstance(value, FunctionType):
        named = [value.__globals__.get(name) for name in value.__code__.co_names]
        own = [each for each in named if isinstance(each, Agent | AgentIdentity)]
        return [*own, *(cell.cell_contents for cell in value.__closure__ or () if cell != CellType())]
    return () if isinstance(value, type) else getattr(value, "__dict__", {}).values()
