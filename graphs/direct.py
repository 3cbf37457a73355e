"""Direct: one model call answers from the documents, and cites them."""

from __future__ import annotations

from langgraph.graph import END, START

from graphs.pattern import Graph, add, check_agent, new_graph
from nodes.agent import Check
from nodes.deliver import Compose, deliver_node, last_answer
from nodes.escalate import escalate
from nodes.retrieve import Retriever, retrieve_node
from nodes.step import Step, step_node
from nodes.team import Agent


def direct(
    agent: Agent,
    *,
    retriever: Retriever,
    least: float,
    check: Check | None = None,
    fallback: Agent | None = None,
    compose: Compose = last_answer,
) -> Graph:
    """Build a graph that reads once and answers once.

    Args:
        agent: Without tools; its result carries the answer and its citations.
        retriever: Where it reads, through the memory seam.
        least: Score from which a passage is about the question at all.
        check: Holds the citations against what was read.
        fallback: Answers where the agent gives no valid result; after it a person does.
        compose: From the result to the outcome.

    Raises:
        PatternError: A pattern stands where only an agent can work.
    """
    check_agent("direct", agent, fallback)
    step = Step(agent, check=check, fallback=fallback)
    g = new_graph()
    add(
        g, "retrieve", retrieve_node(agent, retriever, then=step.name, least=least), to=[step.name, "deliver"]
    )
    add(g, step.name, step_node(step, "deliver"), to=["deliver", "escalate"])
    add(g, "escalate", escalate, to=[step.name, "deliver"], human=True)
    add(g, "deliver", deliver_node(compose))
    g.add_edge(START, "retrieve")
    g.add_edge("deliver", END)
    return g
