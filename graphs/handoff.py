"""Handoff: the agent who has the request decides who should have it next, along declared edges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langgraph.graph import END, START
from pydantic import BaseModel

from graphs.guards import check_human_path, check_jobs, check_owner, check_size
from graphs.pattern import Graph, PatternError, add, check_names, new_graph
from nodes.agent import Grounds
from nodes.conversation import Sees, everything, speaker_node
from nodes.deliver import Compose, deliver_node, last_answer
from nodes.escalate import escalate
from nodes.nested import Compiled, Nested, standing
from nodes.state import RunState
from nodes.team import Agent
from nodes.turn import Handoff


@dataclass(frozen=True)
class Edge:
    """One way for a request to go.

    Attributes:
        to: The agent who gets it.
        sees: What of the history that agent is shown, coming this way.
        payload: What must be said when handing over; the model fills it in, and a wrong one is refused.
    """

    to: str
    sees: Sees = everything
    payload: type[BaseModel] | None = None


def handoff(
    agents: Sequence[Agent | Compiled],
    *,
    edges: Mapping[str, Sequence[str | Edge]],
    owner: str = "",
    max_handoffs: int = 4,
    return_to_previous: bool = False,
    many: str = "",
    grounds: Grounds | None = None,
    compose: Compose = last_answer,
) -> Graph:
    """Build a graph in which agents hand a request over until one of them answers.

    Args:
        agents: The first one is asked first. A `Nested` pattern may answer, and hands nothing over.
        edges: Agent → whom it may hand over to; policy must permit the same edge.
        owner: Who answers for the result where nobody could settle it; the first agent unless set.
        max_handoffs: One more ends the run as `limit_reached`. Handing over to somebody who
            already had the request, with nothing learned since, ends it as `loop_detected`.
        return_to_previous: A further request on the thread goes to whoever answered the last one.
        many: Why there are more than three speakers.
        grounds: Holds an answer against what was read and done; after repairs a person is asked.
        compose: From the results to the outcome.

    Raises:
        PatternError: An edge leads to its own agent or to none, or from a pattern; nobody leads to an
            agent; or a guard fails.
    """
    check_names([standing(agent).name for agent in agents])
    team = {agent.name: agent for agent in map(standing, agents)}
    first = next(iter(team))
    owner = owner or first
    ways = {
        name: [way if isinstance(way, Edge) else Edge(way) for way in edges.get(name, ())]
        for name in [*team, *edges]
    }
    _check_edges(team, ways, first)
    check_owner(owner, team)
    check_jobs([*team.values()])
    check_size([*team.values()], many)
    g = new_graph()
    for agent in team.values():
        node = speaker_node(
            agent,
            handoffs=[Handoff(team[way.to], way.payload) for way in ways[agent.name]],
            max_handoffs=max_handoffs,
            sees={name: way.sees for name in ways for way in ways[name] if way.to == agent.name},
            human=True,
            grounds=grounds,
        )
        ends = [*(way.to for way in ways[agent.name]), "escalate", "deliver"]
        add(g, agent.name, node, to=ends, runs=agent)
    add(g, "escalate", escalate, to=[*team, "deliver"], human=True)
    add(g, "deliver", deliver_node(lambda results: _owned(compose(results), owner)))
    if return_to_previous:
        g.add_conditional_edges(START, _last_or(first), list(team))
    else:
        g.add_edge(START, first)
    g.add_edge("deliver", END)
    check_human_path(g, team)
    return g


def _last_or(first: str) -> Any:
    async def who(state: RunState) -> str:
        return state.get("active") or first

    return who


def _owned(composed: dict[str, Any], owner: str) -> dict[str, Any]:
    """Where nobody answered, the request stays with its owner."""
    return composed if composed.get("answer") else {"undone": [f"the request, which {owner} owns"]} | composed


def _check_edges(team: Mapping[str, Agent], ways: Mapping[str, Sequence[Edge]], first: str) -> None:
    targets = {way.to for edges in ways.values() for way in edges}
    selves = [name for name, edges in ways.items() if any(way.to == name for way in edges)]
    problems = {
        "there is no agent {}: correct the edge, or add the agent": (set(ways) | targets) - set(team),
        "nobody hands over to {}: add an edge that leads there, or leave the agent out": (
            set(team) - targets - {first}
        ),
        "{} would hand over to itself: take that edge out": selves,
        "{} is a pattern, which answers and hands nothing over: take its edges out": [
            name for name, agent in team.items() if isinstance(agent, Nested) and ways[name]
        ],
    }
    said = [what.format(" or ".join(sorted(who))) for what, who in problems.items() if who]
    if said:
        msg = f"edges: {'; '.join(said)}; the agents are {', '.join(team)}"
        raise PatternError(msg)
