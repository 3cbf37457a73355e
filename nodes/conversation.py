"""A speaking agent: it works on the conversation as it sees it, and may hand it over."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeGuard, cast

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, ToolMessage
from langchain_core.runnables import RunnableConfig
from langgraph.runtime import Runtime
from langgraph.types import Command
from pydantic import ValidationError

from governance.outcome import Status
from models.governed import ModelFailed
from nodes.agent import Grounds, work
from nodes.deliver import CUT_SHORT, SPOKESMAN
from nodes.fallback import first_valid
from nodes.faults import STEP_ERRORS, GaveUp, fault, misfit
from nodes.human_agent import question
from nodes.state import Context, Fault, RunState
from nodes.step import Node
from nodes.team import Agent
from nodes.turn import HANDED_OVER, Handoff, Turn, turn_for

Sees = Callable[[Sequence[AnyMessage]], list[AnyMessage]]
"""What of the history whoever is handed the request over sees."""


def everything(history: Sequence[AnyMessage]) -> list[AnyMessage]:
    """The history as it is."""
    return list(history)


def only_words(history: Sequence[AnyMessage]) -> list[AnyMessage]:
    """What people and agents said and what was said when handing over; not what tools found."""
    kept: list[AnyMessage] = []
    asked = [call for message in history if isinstance(message, AIMessage) for call in message.tool_calls]
    said = {call["id"]: call["args"] for call in asked}
    for message in history:
        if isinstance(message, HumanMessage) or (isinstance(message, AIMessage) and not message.tool_calls):
            kept.append(message)
        elif _moved(message) and (told := said.get(message.tool_call_id)):
            kept.append(
                HumanMessage(f"Handed over with:\n```json\n{json.dumps(told, ensure_ascii=False)}\n```")
            )
    return kept


def fingerprint(agent: Agent, state: Mapping[str, Any], new: Sequence[AnyMessage] = ()) -> str:
    """What an agent would have to go on: what people said and what tools found, not what agents said."""
    known = [
        message.text
        for message in [*state["messages"], *new]
        if isinstance(message, HumanMessage)
        or (isinstance(message, ToolMessage) and message.status == "success" and not _moved(message))
    ]
    return f"{agent.name}@{hashlib.sha256('|'.join(sorted(set(known))).encode()).hexdigest()[:12]}"


def speaker_node(
    agent: Agent,
    *,
    handoffs: Sequence[Handoff] = (),
    max_handoffs: int = 0,
    sees: Mapping[str, Sees] | None = None,
    human: bool = False,
    fallback: Agent | None = None,
    grounds: Grounds | None = None,
    then: str = "deliver",
) -> Node:
    """Make a node in which an agent answers, acts or hands over along one of `handoffs`.

    Args:
        fallback: Who tries after an agent that gave no valid result.
        grounds: Holds what it says against what was read and done, before it may answer.
        sees: From whom the request came → what of the history is shown; everything where it isn't named.
        human: What the agent can't settle goes to a person at `escalate`.
    """
    edges = {edge.name: edge for edge in handoffs}

    async def node(state: RunState, config: RunnableConfig, runtime: Runtime[Context]) -> Command[Any]:
        reopened = bool(state.get("outcome"))
        state = _afresh(state) if reopened else state
        here = fingerprint(agent, state)
        update: dict[str, Any] = {"visits": {agent.name: 1}, "hops": [here], "active": agent.name}
        if agent.name in state.get("answers", {}):
            return _take_answer(agent, state, update, then)
        view, turns = _view(agent, state, sees or {}), list[Turn]()

        async def begin(who: Agent) -> Turn:
            turn = await turn_for(who, agent.name, view, config, runtime.context)
            turn.handoffs = edges
            turns.append(turn)
            return turn

        try:
            result, turn = await first_valid(
                agent, fallback, begin, lambda turn: work(turn, grounds=grounds, state=state)
            )
        except STEP_ERRORS as error:
            goto, why = _settled_by(agent, error, human=human, then=then)
            update["messages"] = turns[-1].new if turns else []
            short = fault(agent.name, error)["status"] in CUT_SHORT
            if turns and short and (so_far := turns[-1].so_far()):
                update["results"] = {agent.name: {"answer": so_far}}
            return _go(goto, update | why, reopened=reopened)
        update |= {"messages": turn.new, "dissent": turn.dissent}
        if turn.refused:
            update["faults"] = turn.refused
        if turn.moved_to is None:
            return _go(then, update | {"results": {agent.name: result}}, reopened=reopened)
        stopped = _stopped(state, turn, [*state.get("hops", []), here], turn.moved_to, max_handoffs)
        if stopped:
            update["faults"] = [*update.get("faults", []), stopped]
        return _go(then if stopped else turn.moved_to.name, update, reopened=reopened)

    return node


def _afresh(state: RunState) -> RunState:
    """A second request on a thread: the history stays, what the first one came to doesn't."""
    return cast("RunState", {**state, **_OF_ONE_REQUEST, "active": ""})


_OF_ONE_REQUEST: Mapping[str, Any] = {"results": {}, "faults": [], "hops": [], "dissent": [], "answers": {}}


def _go(goto: str, update: dict[str, Any], *, reopened: bool) -> Command[Any]:
    if reopened:
        # Past the reducers, which would add to what the first request left.
        for name, empty in _OF_ONE_REQUEST.items():
            update[name] = {"__overwrite__": update.get(name, empty)}
        update["outcome"] = {}
    return Command(goto=goto, update=update)


def _view(agent: Agent, state: RunState, sees: Mapping[str, Sees]) -> RunState:
    """The state with as much of the history as the edge shows along which the request came."""
    before = state.get("active", "")
    # What was delivered for an earlier request says again what an agent had said.
    history = [message for message in state["messages"] if message.name != SPOKESMAN]
    if before != agent.name and before in sees:
        history = sees[before](history)
    return {**state, "messages": history}


def _settled_by(agent: Agent, error: Exception, *, human: bool, then: str) -> tuple[str, dict[str, Any]]:
    """Who settles what went wrong: a person, where that is possible and a person could."""
    why = fault(agent.name, error)
    if human and isinstance(error, (GaveUp, ModelFailed)) and why["status"] == Status.FAILED:
        return "escalate", {"question": question(agent, agent.name, why["reason"], {"answer": ""})}
    return then, {"faults": [why]}


def _take_answer(agent: Agent, state: RunState, update: dict[str, Any], then: str) -> Command[Any]:
    """A person's answer stands for the agent's and goes through the same schema."""
    values = state["answers"][agent.name]
    problem = ""
    if agent.returns:
        try:
            values = agent.returns.model_validate(values).model_dump(mode="json")
        except ValidationError as error:
            problem = misfit(error)
    elif not str(values.get("answer", "")).strip():
        problem = "answer: give the answer in words"
    if problem:
        return Command(
            goto="escalate", update=update | {"question": question(agent, agent.name, problem, values)}
        )
    return Command(goto=then, update=update | {"results": {agent.name: values}})


def _moved(message: AnyMessage) -> TypeGuard[ToolMessage]:
    """Whether it says that the request was handed over."""
    return isinstance(message, ToolMessage) and message.status == "success" and HANDED_OVER in message.text


def _stopped(state: RunState, turn: Turn, hops: list[str], target: Agent, max_handoffs: int) -> Fault | None:
    """Whether this hand-over goes in a circle or is one too many."""
    if fingerprint(target, state, turn.new) in hops:
        reason = f"{target.name} was asked before and nothing has been learned since: {' → '.join(hops)}"
        return {"status": Status.LOOP_DETECTED.value, "step": turn.agent.name, "reason": reason}
    if len(hops) > max_handoffs:
        reason = f"{max_handoffs} hand-overs made; the request still stands with {turn.agent.name}"
        return {"status": Status.LIMIT_REACHED.value, "step": turn.agent.name, "reason": reason}
    return None
