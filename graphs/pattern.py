"""What every pattern starts from: one state, one context, and errors when a team makes no sense."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, cast

from langchain_core.runnables import RunnableConfig
from langgraph.graph import StateGraph
from langgraph.runtime import Runtime

from governance.errors import TowerError
from nodes.nested import Compiled, Nested, standing
from nodes.state import Context, RunOutput, RunState, TaskInput
from nodes.step import Node
from nodes.team import Agent

Graph = StateGraph[RunState, Context, TaskInput, RunOutput]


class PatternError(TowerError):
    """The pattern can't be built like this."""


def new_graph(state: type[RunState] = RunState) -> Graph:
    """An empty graph with the schemas that all patterns share; a pattern may extend the state."""
    return StateGraph(state, input_schema=TaskInput, output_schema=RunOutput, context_schema=Context)


def add(
    g: Graph,
    name: str,
    node: Node,
    *,
    to: Sequence[str] = (),
    human: bool = False,
    runs: Agent | Compiled | None = None,
) -> None:
    """Add a node.

    Args:
        to: Where its commands may lead, so that pictures and Studio show the edges.
        human: A person decides here.
        runs: Who works here; pictures and Studio look inside a pattern.
    """
    inside = standing(runs) if runs else None
    if isinstance(inside, Nested):
        node = _showing(node, inside.graph)
    # LangGraph's types know nodes with a config or with a runtime; ours take both.
    action = cast("Any", node)
    g.add_node(name, action, destinations=tuple(to) or None, metadata={"human": True} if human else None)


def _showing(node: Node, inside: Compiled) -> Node:
    async def showing(state: RunState, config: RunnableConfig, runtime: Runtime[Context]) -> Any:
        _ = inside  # LangGraph finds a sub-graph in what a node's function closes over, and no deeper
        return await node(state, config, runtime)

    return showing


def check_agent(pattern: str, *agents: Agent | None) -> None:
    """Refuse a pattern where only an agent can work.

    Raises:
        PatternError: It is one.
    """
    for name in (each.name for each in map(standing, filter(None, agents)) if isinstance(each, Nested)):
        msg = f"{pattern} is for one agent, {name} is a pattern; run it as it is, or as a step of sequential"
        raise PatternError(msg)


def check_names(names: Iterable[str]) -> None:
    """Refuse two nodes of one name.

    Raises:
        PatternError: There are two, or none.
    """
    seen: set[str] = set()
    for name in names:
        if name in seen:
            msg = f"two members are called {name}; names must differ"
            raise PatternError(msg)
        seen.add(name)
    if not seen:
        msg = "a pattern needs at least one member"
        raise PatternError(msg)
