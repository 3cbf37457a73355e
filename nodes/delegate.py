"""Delegate: a compiled pattern stands where an agent stands."""

from __future__ import annotations

from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime

from governance.outcome import Status
from nodes.place import PATH_KEY, path_of
from nodes.state import Context, RunState
from nodes.step import Node


def delegate_node(name: str, graph: CompiledStateGraph[Any, Any, Any, Any]) -> Node:
    """Make a node that runs `graph` on the conversation so far.

    Its interrupts surface at the root, its acts are budgeted and logged in the same run, and its
    outcome stands under `name` in the results.
    """

    async def delegate(state: RunState, config: RunnableConfig, runtime: Runtime[Context]) -> dict[str, Any]:
        visit = state.get("visits", {}).get(name, 0)
        path = "/".join(part for part in (path_of(config), name, str(visit)) if part)
        inner: RunnableConfig = {"configurable": {**config.get("configurable", {}), PATH_KEY: path}}
        ended = await graph.ainvoke({"messages": state["messages"]}, inner, context=runtime.context)
        outcome = ended["outcome"]
        update: dict[str, Any] = {
            "visits": {name: 1},
            "results": {name: outcome},
            "messages": ended["messages"][len(state["messages"]) :],
        }
        if outcome["status"] != Status.COMPLETED:
            reason = "; ".join(outcome["reasons"])
            update["faults"] = [{"status": outcome["status"], "step": name, "reason": reason}]
        return update

    return delegate
