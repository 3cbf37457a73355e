"""Single: one agent with tools, in a bounded loop."""

from __future__ import annotations

from langgraph.graph import END, START

from graphs.pattern import Graph, add, check_agent, new_graph
from nodes.agent import Grounds
from nodes.conversation import speaker_node
from nodes.deliver import Compose, deliver_node, last_answer
from nodes.escalate import escalate
from nodes.team import Agent


def single(
    agent: Agent,
    *,
    fallback: Agent | None = None,
    grounds: Grounds | None = None,
    compose: Compose = last_answer,
) -> Graph:
    """Build a graph in which one agent works until it has an answer.

    What it can't bring to an end goes to its fallback, unless it has changed something by then, and
    after that to a person.

    Args:
        agent: Approvals that its tool calls need are asked for in the middle of its work.
        grounds: Holds the answer against what was read and done.
        compose: From the result to the outcome.

    Raises:
        PatternError: A pattern stands where only an agent can work.
    """
    check_agent("single", agent, fallback)
    g = new_graph()
    node = speaker_node(agent, fallback=fallback, grounds=grounds, human=True)
    add(g, agent.name, node, to=["escalate", "deliver"])
    add(g, "escalate", escalate, to=[agent.name, "deliver"], human=True)
    add(g, "deliver", deliver_node(compose))
    g.add_edge(START, agent.name)
    g.add_edge("deliver", END)
    return g
