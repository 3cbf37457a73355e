"""Faults: what is planted in the desk on purpose, and the layer that has to find it."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage

from evals.desk import stage
from evals.desk.data import DATASETS, DOCUMENTS
from evals.sabotage import DATA, Change, swapped
from evals.verification import verify
from governance import policy_files
from memory.desk.wordings import WORDINGS
from models.door import use_model
from models.offline.chat import OfflineChatModel
from nodes.desk.front_door import FRONT_DOOR, Route
from tools.desk.database import Desk

ROUTING, TOOLS, RETRIEVAL, POLICY, CASES = "routing", "tools", "retrieval", "policy", "cases"
FEW, MANY = 30, 400
ALL_PERMITTED = '@id("planted") permit (principal, action, resource);\n'

Twist = Callable[[AIMessage, Mapping[str, Any]], AIMessage]


class Twisted(OfflineChatModel):
    """The offline model, whose answers somebody tampers with."""

    twist: Twist

    def _answer(self, messages: Sequence[BaseMessage], stop: list[str] | None, **kwargs: Any) -> AIMessage:
        return self.twist(super()._answer(messages, stop, **kwargs), kwargs)


@contextmanager
def twisted(twist: Twist) -> Iterator[None]:
    """Let a tampered model answer for every role."""
    use_model(Twisted(twist=twist))
    try:
        yield
    finally:
        use_model(None)


def silent(answer: AIMessage, _asked: Mapping[str, Any]) -> AIMessage:
    """The null agent: it says nothing and calls nothing."""
    return answer.model_copy(update={"content": "", "tool_calls": []})


def first_tool(answer: AIMessage, asked: Mapping[str, Any]) -> AIMessage:
    """Whatever it would call, it calls the first tool that it is offered."""
    name = asked["tools"][0]["function"]["name"] if asked.get("tools") else ""
    calls = [{**call, "name": name} for call in answer.tool_calls]
    return answer.model_copy(update={"tool_calls": calls})


def off_by_one(answer: AIMessage, _asked: Mapping[str, Any]) -> AIMessage:
    """Numbers in arguments are one too high, and so is the last digit of every id."""
    return answer.model_copy(
        update={"tool_calls": [{**c, "args": {k: _raised(v) for k, v in c["args"].items()}} for c in answer.tool_calls]}
    )


def twice(answer: AIMessage, _asked: Mapping[str, Any]) -> AIMessage:
    """Arguments are lost on the way."""
    return answer.model_copy(update={"tool_calls": [{**c, "args": {}} for c in answer.tool_calls]})


def last_option(answer: AIMessage, _asked: Mapping[str, Any]) -> AIMessage:
    """Another model: it sends everything to the same place."""
    calls = [
        {**c, "args": {**c["args"], "job": "complaint"}} if "job" in c["args"] else c for c in answer.tool_calls
    ]
    return answer.model_copy(update={"tool_calls": calls})


def _raised(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return value + 1
    if isinstance(value, str) and value[-1:].isdigit():
        return value[:-1] + str((int(value[-1]) + 1) % 10)
    return value


@contextmanager
def retrieved(change: Callable[[list[Any], str], list[Any]]) -> Iterator[None]:
    """Let the retriever return something else."""
    find = type(WORDINGS).find

    async def other(self: Any, question: str, product: str | None = None, k: int = 4) -> list[Any]:
        return change(await find(self, question, product, 40), question)[:k]

    with swapped(type(WORDINGS), "find", other):
        yield


def shuffled(passages: list[Any], question: str) -> list[Any]:
    """Passages in an order that has nothing to do with the question."""
    return sorted(passages, key=lambda p: hash((p.source[::-1], len(question))))


@contextmanager
def policies(change: Callable[[Path], None]) -> Iterator[None]:
    """Change a copy of the policy files, and let that be the policies."""
    with tempfile.TemporaryDirectory(prefix="tower-policies-") as folder:
        copy = Path(shutil.copytree(policy_files.POLICIES, Path(folder) / "policies"))
        change(copy)
        with swapped(policy_files, "POLICIES", copy), _reread(copy):
            yield


@contextmanager
def _reread(folder: Path) -> Iterator[None]:
    rules = stage._rules  # noqa: SLF001 - what is cached there is what has to be planted
    rules.cache_clear()
    load_policy, load_limits = stage.load_policy, stage.load_limits
    with (
        swapped(stage, "load_policy", lambda: load_policy((folder,))),
        swapped(stage, "load_limits", lambda: load_limits((folder,))),
    ):
        yield
    rules.cache_clear()


def edited(name: str, before: str, after: str) -> Callable[[Path], None]:
    """Replace words in a policy file.

    Raises:
        ValueError: They aren't there, so that nothing would be planted.
    """

    def change(folder: Path) -> None:
        path = folder / name
        text = path.read_text(encoding="utf-8")
        if before not in text:
            msg = f"{name} has no {before!r}; plant this fault another way"
            raise ValueError(msg)
        path.write_text(text.replace(before, after), encoding="utf-8")

    return change
