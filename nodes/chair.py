"""Chair: ends the conversation or gives somebody the floor; how it ended is typed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableConfig
from langgraph.runtime import Runtime
from langgraph.types import Command

from governance.outcome import Status
from governance.principals import AgentIdentity
from nodes.chat import CHAT, Chat, ChatState, Team
from nodes.faults import STEP_ERRORS, fault
from nodes.finding import NEEDS_REVISION, in_words, open_findings
from nodes.place import actor_at
from nodes.route import clear_route
from nodes.speaker import Selection
from nodes.state import Context, Question, RunState
from nodes.step import Node
from nodes.team import Agent
from nodes.termination import End, Stop
from nodes.turn import Turn, turn_for

CHAIR = AgentIdentity("chair", "chair", "1", "operations")
"""Not a model: the part of the pattern that gives the floor."""

FOR_PEOPLE = (Status.LIMIT_REACHED, Status.LOOP_DETECTED, Status.FAILED)
"""Ends that a person may still turn into a good one."""


def chair_node(team: Team, select: Selection, stop: Stop, max_calls: int) -> Node:
    """Make the node before every turn: it goes to a member, to `escalate` or to `deliver`."""

    async def chair(state: ChatState, config: RunnableConfig, runtime: Runtime[Context]) -> Command[Any]:
        chat = Chat(team, state)
        visited: dict[str, Any] = {"visits": {CHAIR.name: 1}}

        async def turn_of(chooser: Agent) -> Turn:
            return await turn_for(chooser, CHAIR.name, seen(chat), config, runtime.context)

        try:
            actor = await actor_at(CHAIR, CHAIR.name, state, config)
            left = max_calls - chat.used("calls")
            end = await stop.met(chat, actor.run) or _used_up(left, max_calls)
            if end:
                return closed(chat, end, visited)
            choice = await select.choose(chat, turn_of, left)
            target = team.members[choice.name].identity
            if choice.turn:
                visited["used"] = spent(choice.turn)
                await clear_route(choice.turn.actor, target, choice.turn.next(), choice.reason, handoffs=0)
            else:
                await clear_route(actor, target, 1, choice.reason, handoffs=0)
        except STEP_ERRORS as error:
            return failed(chat, CHAIR.name, error, visited)
        return Command(goto=choice.name, update=visited | {"active": choice.name})

    return chair


def closed(chat: Chat, end: End, update: dict[str, Any]) -> Command[Any]:
    """Write down how the conversation ended; where it ended badly a person gets draft and findings."""
    update = update | {"results": update.get("results", {}) | {CHAT: summary(chat, end)}}
    if end.status is Status.COMPLETED:
        return Command(goto="deliver", update=update)
    if end.status in FOR_PEOPLE:
        why = end.reason if end.step in (CHAIR.name, chat.team.owner) else f"{end.step}: {end.reason}"
        still = "; ".join(in_words(open_findings(chat.findings)))
        asked: Question = {
            "step": chat.team.owner,
            "reason": f"{why}. Open: {still}" if still else why,
            "values": chat.draft or {},
            "on_reject": end.status.value,
        }
        return Command(goto="escalate", update=update | {"question": asked})
    reached = {"status": end.status.value, "step": end.step, "reason": end.reason}
    return Command(goto="deliver", update=update | {"faults": [reached]})


def failed(chat: Chat, step: str, error: Exception, update: dict[str, Any]) -> Command[Any]:
    """End a conversation in which somebody could not do their part; a checker's error is no rejection."""
    why = fault(step, error)
    result: Any = "checker_error" if step in chat.team.checkers else "failed"
    return closed(chat, End(result, Status(why["status"]), why["reason"], step), update)


def summary(chat: Chat, end: End, *, accepted_by: str = "") -> dict[str, Any]:
    """The pattern's own result: how it ended, and every finding with where it stands."""
    return {
        "status": end.result,
        "reason": end.reason,
        "drafts": chat.drafts,
        "turns": len(chat.spoken),
        "findings": list(chat.findings.values()),
        "accepted_by": accepted_by,
    }


def seen(chat: Chat) -> RunState:
    """What a member is shown: the request, what others contributed, the draft and what is open about it.

    Earlier drafts and reviews are left out: the draft stands as a result and the findings are carried.
    """
    hidden = {chat.team.owner, *chat.team.checkers}
    results = {n: r for n, r in chat.state.get("results", {}).items() if n in chat.team.members}
    still = [
        {name: finding[name] for name in ("id", "by", "severity", "what", "where")}
        for finding in open_findings(chat.findings)
    ]
    shown: Mapping[str, Any] = {"open_findings": still, "proposal": chat.state.get("proposal", {})}
    view = {
        **chat.state,
        "messages": [m for m in chat.state["messages"] if m.name not in hidden],
        "results": results | {name: value for name, value in shown.items() if value},
    }
    return cast("RunState", view)


def spent(turn: Turn) -> dict[str, int]:
    """Model calls and tokens of a turn."""
    said = [message for message in turn.new if isinstance(message, AIMessage)]
    tokens = sum(message.usage_metadata["total_tokens"] for message in said if message.usage_metadata)
    return {"calls": len(said), "tokens": tokens}


def _used_up(left: int, max_calls: int) -> End | None:
    reason = f"{max_calls} model calls are used up"
    return End(NEEDS_REVISION, Status.LIMIT_REACHED, reason) if left <= 0 else None
