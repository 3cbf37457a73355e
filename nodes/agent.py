"""The agent node: model, tools and checks in one bounded loop whose steps survive a restart."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.runnables import RunnableConfig
from langgraph.config import get_stream_writer
from pydantic import BaseModel, ValidationError

from governance.control import control
from governance.errors import ApprovalRejected, BudgetExhausted, Denied, EffectUnknown
from governance.outcome import Status
from governance.principals import Actor
from models.governed import ModelFailed, ask
from nodes.place import actor_at
from nodes.review import carry_out
from nodes.route import clear_route
from nodes.state import Context, Fault, RunState
from nodes.team import Agent
from tools.gateway import InvalidArguments, ToolFailed, call
from tools.spec import Tool

Lookup = Callable[..., Awaitable[Any]]
"""Calls one of our own tools for a check, through the gateway: `await lookup(tool, **args)`."""


Check = Callable[[Any, Mapping[str, Any], Lookup], Awaitable[Sequence[str]]]
"""Holds a result against the records, given the state; returns the contradictions, in words."""


class Contradiction(Exception):
    """A result fits its schema but not the records."""

    def __init__(self, problems: Sequence[str], result: dict[str, Any]) -> None:
        super().__init__("; ".join(problems))
        self.result = result


class GaveUp(Exception):
    """The agent's turn ended without a valid result."""

    def __init__(self, status: Status, reason: str) -> None:
        super().__init__(reason)
        self.status = status


HANDED_OVER = "handed_over_to"


@dataclass(frozen=True)
class Handoff:
    """A declared edge to another agent, offered to the model as a tool."""

    target: Agent

    @property
    def name(self) -> str:
        """The name of the tool."""
        return f"transfer_to_{self.target.name}"

    @property
    def schema(self) -> dict[str, Any]:
        """The tool in the form that chat models take."""
        parameters = {
            "type": "object",
            "properties": {"reason": {"type": "string", "description": "Why they should go on with it"}},
            "required": [],
        }
        described = f"Hand the request over to {self.target.name}. {self.target.job}"
        return {
            "type": "function",
            "function": {"name": self.name, "description": described, "parameters": parameters},
        }


@dataclass
class Turn:
    """One agent's work on one visit.

    Attributes:
        sequence: Acts so far at this position; the same on every re-execution.
        new: Messages that the turn added.
        refused: Writes that were asked for and not allowed; the run's outcome says so.
    """

    agent: Agent
    actor: Actor
    prompt: list[AnyMessage]
    handoffs: Mapping[str, Handoff] = field(default_factory=dict)
    new: list[AnyMessage] = field(default_factory=list)
    refused: list[Fault] = field(default_factory=list)
    moved_to: Agent | None = None
    sequence: int = 0
    seen: dict[str, int] = field(default_factory=dict)

    def next(self) -> int:
        """The sequence number of the next act."""
        self.sequence += 1
        return self.sequence

    async def think(self) -> AIMessage:
        """Ask the model once, with everything said so far."""
        schemas = [*(tool.schema for tool in self.agent.tools), *(h.schema for h in self.handoffs.values())]
        if self.agent.answer_schema:
            schemas.append(self.agent.answer_schema)
        answer = await ask(
            self.agent.model,
            [*self.prompt, *self.new],
            actor=self.actor,
            sequence=self.next(),
            tools=schemas,
            must_call=self.agent.returns is not None,
        )
        answer.name = self.agent.name
        self.new.append(answer)
        get_stream_writer()({"agent": self.agent.name, "calls": [c["name"] for c in answer.tool_calls]})
        return answer

    def reply(self, call_id: str | None, text: str, *, error: bool = False) -> None:
        """Answer a tool call; every call id gets one."""
        status = "error" if error else "success"
        self.new.append(ToolMessage(text, tool_call_id=call_id or "", status=status))

    async def use(self, name: str, args: dict[str, Any], call_id: str | None) -> None:
        """Call one tool for the model and tell it what came of it."""
        tool = next((tool for tool in self.agent.tools if tool.name == name), None)
        if tool is None:
            names = ", ".join(tool.name for tool in self.agent.tools)
            self.reply(call_id, f"there is no tool {name}; you have {names}", error=True)
            return
        self._note_repeat(name, args)
        try:
            result = await carry_out(tool, args, actor=self.actor, sequence=self.next())
        except (InvalidArguments, ToolFailed) as error:
            self.reply(call_id, str(error), error=True)
        except (Denied, ApprovalRejected) as error:
            if tool.writes:
                self.refused.append(fault(self.agent.name, error))
            self.reply(call_id, f"refused: {error.reason}", error=True)
        else:
            self.reply(call_id, json.dumps(result, ensure_ascii=False))

    async def hand_over(self, name: str, args: dict[str, Any], call_id: str | None) -> None:
        """Ask to hand over; of several in one turn the first that is cleared is taken."""
        if self.moved_to:
            self.reply(call_id, f"ignored: already handed over to {self.moved_to.name}", error=True)
            return
        target = self.handoffs[name].target
        try:
            await clear_route(self.actor, target.identity, self.next(), str(args.get("reason", "")))
        except Denied as error:
            self.reply(call_id, f"refused: {error.reason}", error=True)
        else:
            self.moved_to = target
            self.reply(call_id, json.dumps({HANDED_OVER: target.name}))

    def _note_repeat(self, name: str, args: dict[str, Any]) -> None:
        fingerprint = json.dumps([name, args], sort_keys=True, default=str)
        self.seen[fingerprint] = self.seen.get(fingerprint, 0) + 1
        if self.seen[fingerprint] > REPEATS:
            msg = f"{self.agent.name} called {name} with the same arguments {self.seen[fingerprint]} times"
            raise GaveUp(Status.LOOP_DETECTED, msg)


REPEATS = 2
"""The same call with the same arguments is answered this often; after that it is a loop."""


async def work(
    turn: Turn,
    *,
    check: Check | None = None,
    state: Mapping[str, Any],
    repairs: int = 2,
    max_turns: int = 8,
) -> dict[str, Any]:
    """Let an agent work until it gives a valid result.

    Returns:
        The result as JSON; `{"answer": text}` for an agent without a schema;
        `{"handed_over_to": name}` where the control plane cleared a hand-over.

    Raises:
        Contradiction: It fits the schema and not the records; asking again would only teach
            the model to hide that.
        GaveUp: Still invalid after `repairs`, or `max_turns` reached.
        ModelFailed, BudgetExhausted, Denied, EffectUnknown: From below.
    """
    failures = 0
    for _ in range(max_turns):
        answer = await turn.think()
        final, problem = await _respond(turn, answer)
        if turn.moved_to:
            return {HANDED_OVER: turn.moved_to.name}
        if final is not None:
            return await _agreed(final, turn, check, state)
        if turn.agent.returns is None and not answer.tool_calls and not _beyond(answer):
            return {"answer": answer.text}
        if not answer.tool_calls:
            problem = answer.text or "empty answer"
        if problem:
            failures += 1
            await control().note(
                turn.actor.run, "invalid_output", {"agent": turn.agent.name, "problem": problem}
            )
            if failures > repairs or problem.startswith(NEEDS_MODEL):
                msg = f"{turn.agent.name} gave no valid result in {failures} tries: {problem}"
                raise GaveUp(Status.ESCALATED if problem.startswith(NEEDS_MODEL) else Status.FAILED, msg)
            turn.new.append(
                HumanMessage(f"That was not a valid result: {problem}. Give the final answer again.")
            )
    msg = f"{turn.agent.name} reached {max_turns} turns without a result"
    raise GaveUp(Status.LIMIT_REACHED, msg)


async def _respond(turn: Turn, answer: AIMessage) -> tuple[BaseModel | None, str]:
    """Do what the model asks for, hand-overs last; returns its final result or what is wrong with it."""
    final, problem = None, ""
    for request in sorted(answer.tool_calls, key=lambda r: r["name"] in turn.handoffs):
        if request["name"] in turn.handoffs:
            await turn.hand_over(request["name"], request["args"], request["id"])
        elif turn.agent.returns and request["name"] == turn.agent.returns.__name__:
            final, problem = _parse(turn.agent.returns, request["args"])
            turn.reply(request["id"], problem or "accepted", error=bool(problem))
        else:
            await turn.use(request["name"], request["args"], request["id"])
    return final, problem


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


NEEDS_MODEL = "needs a language model"
"""How the offline model says that a task is beyond it."""


def _beyond(answer: AIMessage) -> bool:
    return not answer.text or answer.text.startswith(NEEDS_MODEL)


def _parse(schema: type[BaseModel], args: dict[str, Any]) -> tuple[BaseModel | None, str]:
    try:
        return schema.model_validate(args), ""
    except ValidationError as error:
        return None, "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())


async def _record_failure(turn: Turn, problem: str) -> None:
    await control().note(turn.actor.run, "invalid_output", {"agent": turn.agent.name, "problem": problem})


def lookup_of(turn: Turn) -> Lookup:
    """Let a check read records in the agent's name, each read cleared and logged."""

    async def lookup(tool: Tool, **args: Any) -> Any:
        return await call(tool, args, actor=turn.actor, sequence=turn.next())

    return lookup


def prompt_for(agent: Agent, state: Mapping[str, Any], context: Context | None) -> list[AnyMessage]:
    """The agent's instructions, the request, and what earlier steps found."""
    guidance = f"\n\n{context.guidance}" if context and context.guidance else ""
    language = context.language if context else Context().language
    prompt: list[AnyMessage] = [
        SystemMessage(f"{agent.job}\n\n{agent.instructions}{guidance}\n\nWrite in {language}.")
    ]
    prompt += state["messages"]
    if state.get("results"):
        found = json.dumps(state["results"], ensure_ascii=False)
        prompt.append(HumanMessage(f"Results of earlier steps:\n```json\n{found}\n```"))
    return prompt


async def turn_for(
    agent: Agent, step: str, state: RunState, config: RunnableConfig, context: Context | None
) -> Turn:
    """A fresh turn for an agent at a step."""
    actor = await actor_at(agent.identity, step, state, config)
    return Turn(agent, actor, prompt_for(agent, state, context))


def fault(step: str, error: Exception) -> Fault:
    """What an error means for the run's outcome."""
    statuses: dict[type[Exception], Status] = {
        Denied: Status.DENIED,
        ApprovalRejected: Status.REJECTED,
        BudgetExhausted: Status.BUDGET_EXHAUSTED,
        EffectUnknown: Status.ESCALATED,
        ModelFailed: Status.FAILED,
        ToolFailed: Status.FAILED,
        InvalidArguments: Status.FAILED,
        Contradiction: Status.ESCALATED,
    }
    status = error.status if isinstance(error, GaveUp) else statuses.get(type(error), Status.FAILED)
    return {"status": status, "step": step, "reason": str(error)}


STEP_ERRORS = (
    Denied, ApprovalRejected, BudgetExhausted, EffectUnknown, ModelFailed, ToolFailed, InvalidArguments,
    Contradiction, GaveUp,
)  # fmt: skip
"""What a node turns into a fault; anything else, such as the control plane being away, stops the run."""
