"""Delegate: a compiled pattern stands where an agent stands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from langchain_core.messages import AnyMessage
from langchain_core.runnables import RunnableConfig
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime

from governance.outcome import Status
from nodes.place import PATH_KEY, path_of
from nodes.state import Context, RunOutput, RunState
from nodes.step import Node

Compiled = CompiledStateGraph[Any, Any, Any, Any]


def delegate_node(name: str, graph: Compiled) -> Node:
    """Make a node that runs `graph` on the conversation so far.

    Its interrupts surface at the root, its acts are budgeted and logged in the same run, and its
    outcome stands under `name` in the results.
    """

    async def delegate(state: RunState, config: RunnableConfig, runtime: Runtime[Context]) -> dict[str, Any]:
        ended = await run_nested(name, graph, state["messages"], state, config, runtime)
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


async def run_nested(
    name: str,
    graph: Compiled,
    messages: Sequence[AnyMessage],
    state: RunState,
    config: RunnableConfig,
    runtime: Runtime[Context],
) -> RunOutput:
    """Run a graph at this visit of this step, on these messages; when resumed it goes on where it was."""
    visit = state.get("visits", {}).get(name, 0)
    path = "/".join(part for part in (path_of(config), name, str(visit)) if part)
    inner: RunnableConfig = {**config, "configurable": {**config.get("configurable", {}), PATH_KEY: path}}
    ended: Any = await graph.ainvoke({"messages": list(messages)}, inner, context=runtime.context)
    return cast("RunOutput", ended)
