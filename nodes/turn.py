"""A turn: what one agent sees, says and does on one visit; each step survives a restart."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.runnables import RunnableConfig
from langgraph.config import get_stream_writer
from pydantic import BaseModel, Field, ValidationError

from governance.errors import ApprovalRejected, Denied
from governance.outcome import Status
from governance.principals import Actor
from models.governed import ask
from nodes.faults import GaveUp, fault, misfit
from nodes.place import actor_at
from nodes.review import carry_out
from nodes.route import clear_route
from nodes.state import Context, Fault, RunState
from nodes.team import Agent
from tools.gateway import InvalidArguments, ToolFailed

HANDED_OVER = "handed_over_to"


class Reason(BaseModel):
    """What is said where an edge has no payload of its own."""

    reason: Annotated[str, Field(description="Why they should go on with it")] = ""


@dataclass(frozen=True)
class Handoff:
    """A declared edge to another agent, offered to the model as a tool.

    Attributes:
        payload: Schema of what must be said when handing over; a reason in words without one.
    """

    target: Agent
    payload: type[BaseModel] | None = None

    @property
    def name(self) -> str:
        """The name of the tool."""
        return f"transfer_to_{self.target.name}"

    @property
    def schema(self) -> dict[str, Any]:
        """The tool in the form that chat models take."""
        parameters = (self.payload or Reason).model_json_schema()
        parameters.pop("title", None)
        parameters.pop("description", None)
        described = f"Hand the request over to {self.target.name}. {self.target.job}"
        return {
            "type": "function",
            "function": {"name": self.name, "description": described, "parameters": parameters},
        }

    def said(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """What the next agent is told.

        Raises:
            ValidationError: It doesn't fit the edge's payload.
        """
        told = (self.payload or Reason).model_validate(args).model_dump(mode="json")
        return {name: value for name, value in told.items() if value not in (None, "")}


@dataclass
class Turn:
    """One agent's work on one visit.

    Attributes:
        sequence: Acts so far at this position; the same on every re-execution.
        new: Messages that the turn added.
        owes: It said that it did what it didn't do, so that next it must call a tool.
        refused: Writes that were asked for and not allowed; the run's outcome says so.
        barred: Tool → why it may not read what the request itself names, until it reads with it after all.
        wrote: Something was changed, so nobody may begin this visit anew.
        behind: Somebody else tries where this comes to nothing.
        place: Where a pattern in the agent's place works; the actor's position where nobody else may.
        dissent: Who disagreed within such a pattern.
    """

    agent: Agent
    actor: Actor
    prompt: list[AnyMessage]
    config: RunnableConfig
    context: Context | None
    handoffs: Mapping[str, Handoff] = field(default_factory=dict)
    new: list[AnyMessage] = field(default_factory=list)
    refused: list[Fault] = field(default_factory=list)
    barred: dict[str, Denied | ApprovalRejected] = field(default_factory=dict)
    wrote: bool = False
    owes: bool = False
    behind: bool = False
    place: str = ""
    dissent: list[dict[str, Any]] = field(default_factory=list)
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
            must_call=self.agent.returns is not None or self.owes,
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
            names = ", ".join([*(tool.name for tool in self.agent.tools), *self.handoffs]) or "none"
            self.reply(call_id, f"there is no tool {name}; you have {names}", error=True)
            self._note_unknown(name, names)
            return
        self._note_repeat(name, args)
        if untold := [each for each in tool.told if each in args and not self._is_told(args[each])]:
            why = f"{' and '.join(untold)}: not in the request; take what it says, or leave it to a person"
            self.reply(call_id, why, error=True)
            return
        try:
            result = await carry_out(tool, args, actor=self.actor, sequence=self.next())
        except (InvalidArguments, ToolFailed) as error:
            self.reply(call_id, str(error), error=True)
        except (Denied, ApprovalRejected) as error:
            if tool.writes:
                self.refused.append(fault(self.agent.name, error))
            elif all(self._is_told(value) for value in args.values() if value is not None):
                self.barred.setdefault(name, error)
            self.reply(call_id, f"refused: {error.reason}", error=True)
        else:
            self.wrote = self.wrote or tool.writes
            self.barred.pop(name, None)
            self.reply(call_id, json.dumps(result, ensure_ascii=False))

    async def hand_over(self, name: str, args: dict[str, Any], call_id: str | None) -> None:
        """Ask to hand over; of several in one turn the first that is valid and cleared is taken."""
        if self.moved_to:
            self.reply(call_id, f"ignored: already handed over to {self.moved_to.name}", error=True)
            return
        edge = self.handoffs[name]
        try:
            said = edge.said(args)
            reason = said.get("reason") or json.dumps(said, ensure_ascii=False)
            await clear_route(self.actor, edge.target.identity, self.next(), str(reason))
        except ValidationError as error:
            self.reply(call_id, f"{name} can't be called like this: {misfit(error)}", error=True)
        except Denied as error:
            self.reply(call_id, f"refused: {error.reason}", error=True)
        else:
            self.moved_to = edge.target
            self.reply(call_id, json.dumps({HANDED_OVER: edge.target.name}))

    def so_far(self) -> str:
        """What its tools found, a line each: all the answer there is where it was stopped."""
        tools = {tool.name for tool in self.agent.tools}
        made = [call for m in self.new if isinstance(m, AIMessage) for call in m.tool_calls]
        names = {call["id"]: call["name"] for call in made if call["name"] in tools}
        found = [m for m in self.new if isinstance(m, ToolMessage) and m.status == "success"]
        lines = [f"{names[m.tool_call_id]}: {m.text[:QUOTE]}" for m in found if m.tool_call_id in names]
        return "\n".join(dict.fromkeys(lines))

    def _is_told(self, value: Any) -> bool:
        """Whether each word of it stands in the request; what a record says was asked for by nobody."""
        said = [m.text for m in self.prompt if isinstance(m, HumanMessage) and not m.text.startswith(EARLIER)]
        return _words(str(value)) <= _words("\n".join(said))

    def _note_repeat(self, name: str, args: dict[str, Any]) -> None:
        fingerprint = json.dumps([name, args], sort_keys=True, default=str)
        self.seen[fingerprint] = self.seen.get(fingerprint, 0) + 1
        if self.seen[fingerprint] > REPEATS:
            msg = f"{self.agent.name} called {name} with the same arguments {self.seen[fingerprint]} times"
            raise GaveUp(Status.LOOP_DETECTED, msg)

    def _note_unknown(self, name: str, names: str) -> None:
        # By answers, since of several calls in one it has been told of none.
        calls = [m.tool_calls for m in self.new if isinstance(m, AIMessage)]
        times = sum(any(call["name"] == name for call in made) for made in calls)
        if times > REPEATS:
            msg = (
                f"{self.agent.name} called {name} {times} times, a tool that it doesn't have; it has {names}"
            )
            raise GaveUp(Status.LOOP_DETECTED, msg)


REPEATS = 2
"""The same call with the same arguments, or of a tool that isn't there, is answered this often."""


QUOTE = 300
"""Characters of a result that are told where nobody could make an answer of it."""

EARLIER = "Results of earlier steps:"
"""How the message begins that shows an agent what others found."""


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.casefold()))


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
        prompt.append(HumanMessage(f"{EARLIER}\n```json\n{found}\n```"))
    return prompt


async def turn_for(
    agent: Agent, step: str, state: RunState, config: RunnableConfig, context: Context | None
) -> Turn:
    """A fresh turn for an agent at a step."""
    actor = await actor_at(agent.identity, step, state, config)
    return Turn(agent, actor, prompt_for(agent, state, context), config, context)
