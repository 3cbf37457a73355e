"""Adaptive: a front door that picks the simplest pattern for a request and says why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.graph import END, START
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command

from governance.principals import AgentIdentity
from graphs.pattern import Graph, PatternError, add, check_names, new_graph
from nodes.agent import work
from nodes.delegate import delegate_node
from nodes.deliver import deliver_node
from nodes.faults import STEP_ERRORS, fault
from nodes.route import clear_route
from nodes.state import Context, RunState
from nodes.step import Node
from nodes.team import Agent
from nodes.turn import turn_for


def adaptive(chooser: Agent, patterns: Mapping[str, CompiledStateGraph[Any, Any, Any, Any]]) -> Graph:
    """Build a front door over compiled patterns.

    Args:
        chooser: Returns a schema with `pattern` (one of the names) and `reason`.
        patterns: Name → graph, the simplest first.

    Raises:
        PatternError: The chooser's schema offers other names than there are patterns.
    """
    check_names(patterns)
    offered = set(chooser.returns.model_fields["pattern"].annotation.__args__) if chooser.returns else set()  # type: ignore[union-attr]
    if offered != set(patterns):
        msg = f"{chooser.name} may choose {sorted(offered)}, but the patterns are {sorted(patterns)}"
        raise PatternError(msg)
    g = new_graph()
    add(g, chooser.name, _choose_node(chooser), to=[*patterns, "deliver"])
    for name, graph in patterns.items():
        add(g, name, delegate_node(name, graph))
        g.add_edge(name, "deliver")
    add(g, "deliver", deliver_node(_pass_on))
    g.add_edge(START, chooser.name)
    g.add_edge("deliver", END)
    return g


def _choose_node(chooser: Agent) -> Node:
    async def choose(state: RunState, config: RunnableConfig, runtime: Runtime[Context]) -> Command[Any]:
        visited: dict[str, Any] = {"visits": {chooser.name: 1}}
        choice: dict[str, Any]
        try:
            turn = await turn_for(chooser, chooser.name, state, config, runtime.context)
            choice = await work(turn, state=state)
            pattern = AgentIdentity(choice["pattern"], "pattern", "1", chooser.owner)
            await clear_route(turn.actor, pattern, turn.next(), choice["reason"])
        except STEP_ERRORS as error:
            return Command(goto="deliver", update=visited | {"faults": [fault(chooser.name, error)]})
        return Command(goto=choice["pattern"], update=visited | {"results": {chooser.name: choice}})

    return choose


def _pass_on(results: Mapping[str, Any]) -> dict[str, Any]:
    """The chosen pattern's outcome, with the choice and its reason beside the result."""
    chosen = [result for result in results.values() if "status" in result]
    if not chosen:
        return {"result": dict(results)}
    outcome = chosen[-1]
    choice: Any = next((r for r in results.values() if "pattern" in r), {})
    passed = {key: outcome[key] for key in ("answer", "evidence", "dissent", "undone")}
    return passed | {"result": {**outcome["result"], "routed": choice}}
