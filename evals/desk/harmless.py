"""Harmless changes: what may change without anything getting worse, so that the gate must let it pass."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from langchain_core.messages import AIMessage

from evals.desk import routing, stage, tools
from evals.desk.faults import POLICY, RETRIEVAL, ROUTING, TOOLS
from evals.desk.planting import edited, policies, retrieved, twisted, with_calls
from evals.sabotage import Change, Plant, swapped
from nodes.admission import Request

FEW = 20


def _renamed(answer: AIMessage, _asked: Mapping[str, Any]) -> AIMessage:
    return answer.model_copy(
        update={"response_metadata": {**answer.response_metadata, "model_name": "offline-2"}}
    )


def _slow(answer: AIMessage, _asked: Mapping[str, Any]) -> AIMessage:
    time.sleep(0.005)
    return answer


def _chatty(answer: AIMessage, _asked: Mapping[str, Any]) -> AIMessage:
    """Some models say something beside their calls."""
    return (
        answer.model_copy(update={"content": answer.content or "Let me see."})
        if answer.tool_calls
        else answer
    )


def _other_ids(answer: AIMessage, _asked: Mapping[str, Any]) -> AIMessage:
    return with_calls(answer, lambda call: {"id": f"{call['id']}-x"})


def _reordered(answer: AIMessage, _asked: Mapping[str, Any]) -> AIMessage:
    """Arguments in another order."""
    return with_calls(answer, lambda call: {"args": dict(reversed(call["args"].items()))})


def _words(module: Any, change: Callable[[str], str]) -> Plant:
    """Change how the text of each case is written."""
    return lambda: swapped(module, "Request", lambda text, **more: Request(change(text), **more))


def _stage(name: str, value: Any) -> Plant:
    return lambda: swapped(stage, name, value)


def _added(name: str, text: str) -> Plant:
    def change(folder: Path) -> None:
        path = folder / name
        path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")

    return lambda: policies(change)


def _raised(before: str, after: str) -> Plant:
    return lambda: policies(edited("limits.toml", before, after))


_UNUSED = '@id("nobody") permit (principal in AgentKind::"nobody", action == Action::"add_note", resource);\n'

_TABLE: tuple[tuple[str, Mapping[str, int], Plant], ...] = (
    (
        "the same once more",
        {ROUTING: FEW, TOOLS: FEW, RETRIEVAL: FEW, POLICY: FEW},
        lambda: twisted(_identity),
    ),
    ("the model has another name", {ROUTING: FEW}, lambda: twisted(_renamed)),
    ("the model is slower", {ROUTING: FEW}, lambda: twisted(_slow)),
    ("the model talks beside its calls", {TOOLS: FEW}, lambda: twisted(_chatty)),
    ("calls have other ids", {TOOLS: FEW}, lambda: twisted(_other_ids)),
    ("arguments come in another order", {TOOLS: FEW}, lambda: twisted(_reordered)),
    ("a space at the end of each message", {ROUTING: FEW}, _words(routing, lambda text: text + " ")),
    ("an empty line before each message", {ROUTING: FEW}, _words(routing, lambda text: "\n" + text)),
    ("line ends of another system", {TOOLS: FEW}, _words(tools, lambda text: text.replace("\n", "\r\n"))),
    ("a space at the end of each request", {TOOLS: FEW}, _words(tools, lambda text: text + " ")),
    ("a day later", {ROUTING: FEW}, _stage("NOW", stage.NOW + timedelta(days=1))),
    ("a minute later", {TOOLS: FEW}, _stage("NOW", stage.NOW + timedelta(minutes=1))),
    ("another vault key", {TOOLS: FEW}, _stage("VAULT_KEY", "another-key-that-is-just-as-long-for-tests")),
    ("more is found than is asked for", {RETRIEVAL: FEW}, lambda: retrieved(lambda found, _q: found)),
    (
        "passages are copies",
        {RETRIEVAL: FEW},
        lambda: retrieved(lambda found, _question: [passage.model_copy() for passage in found]),
    ),
    ("a comment in a policy", {POLICY: FEW}, _added("desk/payments.cedar", "// reviewed\n")),
    ("a policy for nobody", {POLICY: FEW}, _added("desk/payments.cedar", _UNUSED)),
    ("more calls of the model", {ROUTING: FEW}, _raised("model_calls = 20\n", "model_calls = 25\n")),
    ("more tokens", {TOOLS: FEW}, _raised("tokens = 60_000\n", "tokens = 80_000\n")),
    ("a longer time at work", {POLICY: FEW}, _raised("run_seconds = 3600", "run_seconds = 7200")),
)


def _identity(answer: AIMessage, _asked: Mapping[str, Any]) -> AIMessage:
    return answer


HARMLESS = tuple(Change(name, name, suites, plant) for name, suites, plant in _TABLE)
"""What must not be failed."""
