"""Handoff: the agent who has the request decides who should have it next, along declared edges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from langgraph.graph import END, START

from graphs.pattern import Graph, PatternError, add, check_names, new_graph
from nodes.conversation import speaker_node
from nodes.deliver import Compose, deliver_node, last_answer
from nodes.team import Agent


def handoff(
    agents: Sequence[Agent],
    *,
    edges: Mapping[str, Sequence[str]],
    max_handoffs: int = 4,
    compose: Compose = last_answer,
) -> Graph:
    """Build a graph in which agents hand a request over until one of them answers.

    Args:
        agents: The first one is asked first.
        edges: Agent → whom it may hand over to; policy must permit the same edge.
        max_handoffs: One more ends the run as `limit_reached`. Handing over to somebody who
            already had the request, with nothing learned since, ends it as `loop_detected`.
        compose: From the results to the outcome.

    Raises:
        PatternError: An edge names an agent that isn't there, or nobody leads to an agent.
    """
    check_names([agent.name for agent in agents])
    team = {agent.name: agent for agent in agents}
    unknown = {name for pair in edges.items() for name in (pair[0], *pair[1])} - set(team)
    unreached = set(team) - {name for targets in edges.values() for name in targets} - {agents[0].name}
    if unknown or unreached:
        msg = f"edges name unknown agents {sorted(unknown)} and leave out {sorted(unreached)}"
        raise PatternError(msg)
    g = new_graph()
    for agent in agents:
        targets = [team[name] for name in edges.get(agent.name, ())]
        node = speaker_node(agent, handoffs=targets, max_handoffs=max_handoffs)
        add(g, agent.name, node, to=[*(t.name for t in targets), "deliver"])
    add(g, "deliver", deliver_node(compose))
    g.add_edge(START, agents[0].name)
    g.add_edge("deliver", END)
    return g
