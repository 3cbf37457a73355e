"""Member: one turn in a group's conversation, by the owner of the draft, a checker or anybody else."""

from __future__ import annotations

from typing import Any

from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.errors import GraphBubbleUp
from langgraph.runtime import Runtime
from langgraph.types import Command
from pydantic import ValidationError

from governance.canonical import canonical
from governance.control import control
from governance.errors import ControlUnavailable
from governance.outcome import Status
from nodes.agent import lookup_of, work
from nodes.chair import CHAIR, closed, failed, seen, spent, summary
from nodes.chat import CHAT, Chat, ChatState, Checker, Team
from nodes.faults import STEP_ERRORS, GaveUp, misfit
from nodes.finding import NEEDS_REVISION, SATISFIED, Review, carried, open_findings, under_rules
from nodes.state import Context, Question
from nodes.step import Node
from nodes.team import Agent
from nodes.termination import End
from nodes.turn import Turn, turn_for

REPAIRS = 1
"""How often a member may put right a result that doesn't fit its schema."""


def member_node(agent: Agent, team: Team, *, max_calls: int, max_turns: int) -> Node:
    """Make the node in which a member takes its turn and gives the floor back to the chair.

    Args:
        max_calls: Model calls of the whole conversation.
        max_turns: Model calls of one turn.
    """
    checker = team.checkers.get(agent.name)

    async def member(state: ChatState, config: RunnableConfig, runtime: Runtime[Context]) -> Command[Any]:
        chat = Chat(team, state)
        if agent.name == team.owner and agent.name in state.get("answers", {}):
            return _signed(chat, agent, state["answers"][agent.name])
        update: dict[str, Any] = {"visits": {agent.name: 1}, "spoken": [agent.name]}
        plane, view = control(), seen(chat)
        began = plane.clock()
        turn = await turn_for(agent, agent.name, view, config, runtime.context)
        try:
            rules = await _rules(checker, chat, turn)
            left = min(max_turns, max_calls - chat.used("calls"))
            result = await work(turn, state=view, repairs=REPAIRS, max_turns=left)
        except STEP_ERRORS as error:
            return failed(chat, agent.name, error, update | {"used": spent(turn)})
        milliseconds = int((plane.clock() - began).total_seconds() * 1000)
        update |= {"used": spent(turn) | {"milliseconds": milliseconds}, "dissent": turn.dissent}
        if turn.refused:  # the others may agree, but the run's outcome says what was not allowed
            update["faults"] = turn.refused
        if checker:
            result = await _reviewed(chat, turn, result, rules, update)
        elif agent.name == team.owner:
            update |= {"verdicts": dict.fromkeys(team.checkers, ""), "proposal": {}}
        update["results"] = {} if checker else {agent.name: result}
        update["messages"] = [AIMessage(_said(result), name=agent.name)]
        if agent.name == team.owner and _stalled(chat, result):
            reason = f"{agent.name} gave the same draft again with findings open"
            return closed(chat, End(NEEDS_REVISION, Status.LOOP_DETECTED, reason), update)
        return Command(goto=CHAIR.name, update=update)

    return member


async def _rules(checker: Checker | None, chat: Chat, turn: Turn) -> Review | None:
    """What code finds out about the draft; the agent is shown it.

    Raises:
        GaveUp: The check itself broke; that says nothing about the draft.
    """
    if checker is None or checker.rules is None:
        return None
    try:
        found = await checker.rules(chat.draft or {}, lookup_of(turn))
        review = Review.model_validate(found)
    except (*STEP_ERRORS, GraphBubbleUp, ControlUnavailable):
        raise
    except Exception as error:  # a broken check is an end of its own, whatever it raises
        msg = f"the check could not be made: {type(error).__name__}: {error}"
        raise GaveUp(Status.FAILED, msg) from error
    shown = canonical(review.model_dump(mode="json")).decode()
    turn.prompt.append(HumanMessage(f"What the rules say about this draft:\n```json\n{shown}\n```"))
    return review


async def _reviewed(
    chat: Chat, turn: Turn, result: dict[str, Any], rules: Review | None, update: dict[str, Any]
) -> dict[str, Any]:
    """Take a verdict in: findings are carried, proposals collected, and the log has it."""
    name = turn.agent.name
    review = under_rules(Review.model_validate(result), rules)
    update["findings"] = carried(chat.findings, name, review, chat.drafts)
    update["verdicts"] = {name: review.verdict}
    update["proposal"] = chat.state.get("proposal", {}) | review.proposal
    taken = review.model_dump(mode="json")
    body = {"checker": name, "draft": chat.drafts, "verdict": review.verdict, "findings": taken["findings"]}
    await control().note(turn.actor.run, "review", body)
    return taken


def _signed(chat: Chat, owner: Agent, values: dict[str, Any]) -> Command[Any]:
    """A person's draft goes through the same schema; what was open and overruled stays on record."""
    update: dict[str, Any] = {"visits": {owner.name: 1}}
    try:
        draft = owner.returns.model_validate(values).model_dump(mode="json") if owner.returns else values
    except ValidationError as error:
        asked: Question = {
            "step": owner.name,
            "reason": f"that is no draft: {misfit(error)}",
            "values": values,
            "on_reject": Status.FAILED.value,
        }
        return Command(goto="escalate", update=update | {"question": asked})
    end = End(SATISFIED, Status.COMPLETED, "a person settled it")
    results = {owner.name: draft, CHAT: summary(chat, end, accepted_by="a person")}
    return Command(goto="deliver", update=update | {"results": results})


def _stalled(chat: Chat, draft: dict[str, Any]) -> bool:
    return draft == chat.draft and bool(open_findings(chat.findings, blocking=True))


def _said(result: dict[str, Any]) -> str:
    return "\n".join(f"{name}: {value}" for name, value in result.items() if value not in (None, "", [], {}))
