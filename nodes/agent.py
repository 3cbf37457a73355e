"""The agent's loop: model, tools and checks until there is a valid result, within bounds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from langchain_core.messages import AIMessage, HumanMessage
from pydantic import BaseModel, ValidationError

from governance.control import control
from governance.outcome import Status
from models.offline.facts import BEYOND, NOT_VALID
from nodes.faults import Contradiction, GaveUp, misfit
from nodes.human_agent import HumanAgent, ask_person
from nodes.nested import Nested, work_nested
from nodes.turn import HANDED_OVER, Turn
from tools.gateway import call
from tools.spec import Tool

Lookup = Callable[..., Awaitable[Any]]
"""Calls one of our own tools for a check, through the gateway: `await lookup(tool, **args)`."""


Check = Callable[[Any, Mapping[str, Any], Lookup], Awaitable[Sequence[str]]]
"""Holds a result against the records, given the state; returns the contradictions, in words."""

Grounds = Callable[[str, Turn, Mapping[str, Any]], Awaitable[Sequence[str]]]
"""Says what of an answer rests on nothing that was read or done, given turn and state; it may be mended."""


async def work(
    turn: Turn,
    *,
    check: Check | None = None,
    grounds: Grounds | None = None,
    state: Mapping[str, Any],
    repairs: int = 2,
    max_turns: int = 8,
) -> dict[str, Any]:
    """Let an agent work until it gives a valid result.

    Returns:
        The result as JSON; `{"answer": text}` for an agent without a schema;
        `{"handed_over_to": name}` where the control plane cleared a hand-over; what a pattern
        in the agent's place came to.

    Raises:
        Contradiction: It fits the schema and not the records; asking again would only teach
            the model to hide that.
        GaveUp: Still invalid after `repairs`, or `max_turns` reached.
        Denied, ApprovalRejected: It came to nothing because it may not read what the request names;
            nobody in its place goes round that.
        ModelFailed, BudgetExhausted, EffectUnknown, Unfinished: From below.
    """
    if isinstance(turn.agent, HumanAgent | Nested):
        graph = turn.agent.graph if isinstance(turn.agent, Nested) else None
        found = await (work_nested(turn, graph) if graph else ask_person(turn))
        return await _agreed(found, turn, check, state) if isinstance(found, BaseModel) else found
    try:
        return await _until_valid(turn, check, grounds, state, repairs, max_turns)
    except GaveUp as error:
        if turn.barred:
            raise next(iter(turn.barred.values())) from error
        raise


async def _until_valid(
    turn: Turn,
    check: Check | None,
    grounds: Grounds | None,
    state: Mapping[str, Any],
    repairs: int,
    max_turns: int,
) -> dict[str, Any]:
    failures = 0
    for _ in range(max_turns):
        answer = await turn.think()
        final, problem = await _respond(turn, answer)
        if turn.moved_to:
            return {HANDED_OVER: turn.moved_to.name}
        if final is None and _stuck(turn):
            msg = f"{turn.agent.name} may read nothing of what it was asked about"
            raise GaveUp(Status.DENIED, msg)
        problem = problem or _lacking(turn, answer, final)
        if grounds and not problem and (final is not None or not answer.tool_calls):
            said = final.model_dump_json() if final is not None else answer.text
            problem = "; ".join(await grounds(said, turn, state))
        turn.owes = problem in NOTHING_DONE.values()
        if final is not None and not problem:
            await control().trust_agent(turn.agent.identity)
            return await _agreed(final, turn, check, state)
        if not problem and not answer.tool_calls:
            return {"answer": answer.text}
        if problem:
            failures += 1
            await control().note(
                turn.actor.run, "invalid_output", {"agent": turn.agent.name, "problem": problem}
            )
            if failures > repairs or problem.startswith(BEYOND):
                tries = "1 try" if failures == 1 else f"{failures} tries"
                msg = f"{turn.agent.name} gave no valid result in {tries}: {problem}"
                if problem.startswith(BEYOND):
                    raise GaveUp(Status.ESCALATED, msg)
                await control().blame_agent(turn.agent.identity)
                raise GaveUp(Status.FAILED, msg)
            then = "" if turn.owes else " Give the final answer again."
            turn.new.append(HumanMessage(f"{NOT_VALID}{problem}.{then}"))
    msg = f"{turn.agent.name} reached {max_turns} turns without a result"
    raise GaveUp(Status.LIMIT_REACHED, msg)


async def _respond(turn: Turn, answer: AIMessage) -> tuple[BaseModel | None, str]:
    """Do what the model asks for, hand-overs last; returns its final result or what is wrong with it."""
    final, problem, unread = None, "", ""
    for broken in answer.invalid_tool_calls:
        unread = f"the arguments of {broken['name']} are not JSON"
        turn.reply(broken["id"], unread, error=True)
    for request in sorted(answer.tool_calls, key=lambda r: r["name"] in turn.handoffs):
        if request["name"] in turn.handoffs:
            await turn.hand_over(request["name"], request["args"], request["id"])
        elif turn.agent.returns and request["name"] == turn.agent.returns.__name__ and final:
            turn.reply(request["id"], "ignored: the first valid answer of a turn is taken", error=True)
        elif turn.agent.returns and request["name"] == turn.agent.returns.__name__:
            final, problem = _parse(turn.agent.returns, request["args"])
            turn.reply(request["id"], problem or "accepted", error=bool(problem))
        else:
            await turn.use(request["name"], request["args"], request["id"])
    # A result that was given before a call beside it could be carried out rests on nothing.
    return (None, unread) if unread else (final, problem)


def _stuck(turn: Turn) -> bool:
    """Whether nothing can come of asking it again: it owes a result, and each tool it has was refused."""
    tools = {tool.name for tool in turn.agent.tools}
    owes = turn.agent.returns is not None and not turn.handoffs
    return owes and bool(tools) and tools <= set(turn.barred)


async def _agreed(
    final: BaseModel, turn: Turn, check: Check | None, state: Mapping[str, Any]
) -> dict[str, Any]:
    result = final.model_dump(mode="json")
    problems = await check(final, state, lookup_of(turn)) if check else ()
    if problems:
        await control().note(
            turn.actor.run, "contradiction", {"agent": turn.agent.name, "problems": list(problems)}
        )
        raise Contradiction(problems, result)
    return result


NOTHING_DONE = {
    "read": "no tool was called, so nothing is known yet; call one first",
    "write": "no tool was called that changes a record, so nothing is done yet; call it first",
}
"""What an agent is told that says it did what it didn't do, by its duty."""


def _lacking(turn: Turn, answer: AIMessage, final: BaseModel | None) -> str:
    """What is wrong with an answer that would end the turn; empty where it may, or where it doesn't."""
    asked = [*answer.tool_calls, *answer.invalid_tool_calls]
    words = turn.agent.returns is None and not asked and not _beyond(answer)
    duty = turn.agent.duty
    done = (turn.wrote or turn.refused) if duty == "write" else turn.seen
    if duty and not done and (words or final is not None):
        return NOTHING_DONE[duty]
    return "" if asked or words else answer.text or "empty answer"


def _beyond(answer: AIMessage) -> bool:
    return not answer.text or answer.text.startswith(BEYOND)


def _parse(schema: type[BaseModel], args: dict[str, Any]) -> tuple[BaseModel | None, str]:
    try:
        return schema.model_validate(args), ""
    except ValidationError as error:
        return None, misfit(error)


def lookup_of(turn: Turn) -> Lookup:
    """Let a check read records in the agent's name, each read cleared and logged."""

    async def lookup(tool: Tool, **args: Any) -> Any:
        return await call(tool, args, actor=turn.actor, sequence=turn.next())

    return lookup
