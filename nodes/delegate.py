"""Delegate: a compiled pattern works on the conversation so far, and its outcome stands among the results."""

from __future__ import annotations

from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.runtime import Runtime

from governance.outcome import Status
from nodes.nested import Compiled, run_nested
from nodes.state import Context, RunState
from nodes.step import Node


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
