"""Overhead: what a pattern adds to the prompts of its agents, counted at the door."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from models.door import use_model
from nodes.turn import Turn

CHARS = 4
"""Characters that are reckoned as one token."""
FOUND, RULES = "Results of earlier steps:\n```json\n", "What the rules say about this draft:\n```json\n"

_turn: ContextVar[Turn] = ContextVar("turn")


@dataclass
class Bill:
    """Characters of prompts and tool schemas.

    Attributes:
        own: What an agent would be sent alone: its instructions, the request, its tools and its own turn.
        led: All that is sent to those who only lead: managers, choosers, arbiters.
        edges: The hand-overs that an agent is offered as tools.
        passed: What others found or said, once.
        total: All that was sent.
    """

    calls: int = 0
    own: int = 0
    led: int = 0
    edges: int = 0
    passed: int = 0
    total: int = 0

    @property
    def bare(self) -> int:
        """The same conversation in a loop of no framework, which says everything once."""
        return self.own + self.led + self.edges + self.passed

    @property
    def over_bare(self) -> float:
        """All that was sent, as a multiple of the bare loop."""
        return self.total / self.bare

    @property
    def beyond(self) -> float:
        """What was sent beyond the agents' own prompts, as a share of these."""
        return (self.total - self.own) / self.own if self.own else 0.0

    @property
    def tokens(self) -> int:
        """Tokens of all prompts."""
        return self.total // CHARS


@dataclass
class Recorder:
    """Counts what goes through the door; patches are taken back by `recording`."""

    leaders: frozenset[str]
    bill: Bill = field(default_factory=Bill)

    def count(self, messages: Sequence[BaseMessage], tools: Sequence[Mapping[str, Any]]) -> None:
        """Add one call to the bill."""
        turn, bill = _turn.get(), self.bill
        sent = sum(map(_size, messages)) + _schemas(tools)
        bill.calls, bill.total = bill.calls + 1, bill.total + sent
        if turn.agent.name in self.leaders:
            bill.led += sent
            return
        agent = turn.agent
        asked = next(message for message in turn.prompt if isinstance(message, HumanMessage))
        schemas = [
            *(tool.schema for tool in agent.tools),
            *([agent.answer_schema] if agent.answer_schema else []),
        ]
        bill.own += len(agent.job) + len(agent.instructions) + _size(asked) + sum(map(_size, turn.new))
        bill.own += _schemas(schemas)
        bill.edges += _schemas([edge.schema for edge in turn.handoffs.values()])
        bill.passed += _passed(turn.prompt, asked)


def _passed(prompt: Sequence[BaseMessage], asked: BaseMessage) -> int:
    """What others found, as JSON where it stands so, else as they said it."""
    blocks = [m.text for m in prompt if m.text.startswith((FOUND, RULES))]
    if any(text.startswith(FOUND) for text in blocks):
        return sum(len(text.split("\n", 2)[2].removesuffix("\n```")) for text in blocks)
    others = [m for m in prompt[1:] if m is not asked]
    return sum(map(_size, others))


def _size(message: BaseMessage) -> int:
    calls = message.tool_calls if isinstance(message, AIMessage) else []
    return len(message.text) + sum(len(call["name"]) + len(json.dumps(call["args"])) for call in calls)


def _schemas(tools: Sequence[Mapping[str, Any]]) -> int:
    return sum(len(json.dumps(tool, separators=(",", ":"))) for tool in tools)


@contextmanager
def recording(model: BaseChatModel, *leaders: str) -> Iterator[Bill]:
    """Let `model` answer for every role, and count what it is sent.

    Args:
        leaders: Agents that the pattern has for itself.
    """
    recorder, think = Recorder(frozenset(leaders)), Turn.think
    answer = type(model)._agenerate

    async def counted(self: Any, messages: list[BaseMessage], *args: Any, **more: Any) -> Any:
        recorder.count(messages, more.get("tools", ()))
        return await answer(self, messages, *args, **more)

    async def thinking(turn: Turn) -> AIMessage:
        _turn.set(turn)
        return await think(turn)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(model), "_agenerate", counted)
        patch.setattr(Turn, "think", thinking)
        use_model(model)
        try:
            yield recorder.bill
        finally:
            use_model(None)
