"""A speaking agent: it works on the whole conversation and may hand it over."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import AnyMessage, HumanMessage, ToolMessage
from langchain_core.runnables import RunnableConfig
from langgraph.runtime import Runtime
from langgraph.types import Command

from governance.outcome import Status
from nodes.agent import work
from nodes.faults import STEP_ERRORS, fault
from nodes.state import Context, Fault, RunState
from nodes.step import Node
from nodes.team import Agent
from nodes.turn import HANDED_OVER, Handoff, Turn, turn_for


def fingerprint(agent: Agent, state: Mapping[str, Any], new: Sequence[AnyMessage] = ()) -> str:
    """What an agent would have to go on: what people said and what tools found, not what agents said."""
    known = [
        message.text
        for message in [*state["messages"], *new]
        if isinstance(message, HumanMessage)
        or (isinstance(message, ToolMessage) and message.status == "success" and _found(message))
    ]
    return f"{agent.name}@{hashlib.sha256('|'.join(sorted(set(known))).encode()).hexdigest()[:12]}"


def _found(message: ToolMessage) -> bool:
    return HANDED_OVER not in message.text


def speaker_node(
    agent: Agent, *, handoffs: Sequence[Agent] = (), max_handoffs: int = 0, then: str = "deliver"
) -> Node:
    """Make a node in which an agent answers, acts or hands over to one of `handoffs`."""

    async def node(state: RunState, config: RunnableConfig, runtime: Runtime[Context]) -> Command[Any]:
        turn = await turn_for(agent, agent.name, state, config, runtime.context)
        turn.handoffs = {edge.name: edge for edge in map(Handoff, handoffs)}
        here = fingerprint(agent, state)
        update: dict[str, Any] = {"visits": {agent.name: 1}, "hops": [here], "active": agent.name}
        try:
            result = await work(turn, state=state)
        except STEP_ERRORS as error:
            return Command(
                goto=then, update=update | {"messages": turn.new, "faults": [fault(agent.name, error)]}
            )
        update["messages"] = turn.new
        if turn.refused:
            update["faults"] = turn.refused
        target = turn.moved_to
        if target is None:
            return Command(goto=then, update=update | {"results": {agent.name: result}})
        stopped = _stopped(state, turn, [*state.get("hops", []), here], target, max_handoffs)
        if stopped:
            faults = [*update.get("faults", []), stopped]
            return Command(goto=then, update=update | {"faults": faults})
        return Command(goto=target.name, update=update)

    return node


def _stopped(state: RunState, turn: Turn, hops: list[str], target: Agent, max_handoffs: int) -> Fault | None:
    """Whether this hand-over goes in a circle or is one too many."""
    if fingerprint(target, state, turn.new) in hops:
        reason = f"{target.name} was asked before and nothing has been learned since: {' → '.join(hops)}"
        return {"status": Status.LOOP_DETECTED, "step": turn.agent.name, "reason": reason}
    if len(hops) > max_handoffs:
        reason = f"{max_handoffs} hand-overs made; the request still stands with {turn.agent.name}"
        return {"status": Status.LIMIT_REACHED, "step": turn.agent.name, "reason": reason}
    return None
