"""Planting: how the desk's model, retriever, policies, gate and records are changed for a while."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage

from evals.desk import stage
from evals.sabotage import swapped
from governance.gate import Gate
from governance.limits import load_limits
from governance.policy import POLICIES, load_policy
from memory.desk.wordings import WORDINGS
from models.door import use_model
from models.examples import KEYWORD, Examples
from models.offline.chat import OfflineChatModel
from nodes.desk.front_door import EXAMPLES, Route
from nodes.resolve import HighestAuthority

Twist = Callable[[AIMessage, Mapping[str, Any]], AIMessage]


class Twisted(OfflineChatModel):
    """The offline model, whose answers somebody tampers with."""

    twist: Twist

    def _answer(self, messages: Sequence[BaseMessage], stop: list[str] | None, **kwargs: Any) -> AIMessage:
        return self.twist(super()._answer(messages, stop, **kwargs), kwargs)


def twisted(twist: Twist) -> AbstractContextManager[None]:
    """Let a tampered model answer for every role."""
    return answering(Twisted(twist=twist))


class Told(OfflineChatModel):
    """The offline model, which is offered its tools in other words or another order."""

    change: Callable[[list[Any]], list[Any]]

    def _answer(self, messages: Sequence[BaseMessage], stop: list[str] | None, **kwargs: Any) -> AIMessage:
        if kwargs.get("tools"):
            kwargs["tools"] = self.change(kwargs["tools"])
        return super()._answer(messages, stop, **kwargs)


@contextmanager
def answering(model: OfflineChatModel) -> Iterator[None]:
    """Let this model answer for every role."""
    use_model(model)
    try:
        yield
    finally:
        use_model(None)


def with_calls(answer: AIMessage, change: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> AIMessage:
    """The answer with something else in each of its calls."""
    return answer.model_copy(update={"tool_calls": [{**call, **change(call)} for call in answer.tool_calls]})


def silent(answer: AIMessage, _asked: Mapping[str, Any]) -> AIMessage:
    """The null agent: it says nothing and calls nothing."""
    return answer.model_copy(update={"content": "", "tool_calls": []})


def first_tool(answer: AIMessage, asked: Mapping[str, Any]) -> AIMessage:
    """Whatever it would call, it calls the first tool that it is offered."""
    name = asked["tools"][0]["function"]["name"] if asked.get("tools") else ""
    return with_calls(answer, lambda _call: {"name": name})


def off_by_one(answer: AIMessage, _asked: Mapping[str, Any]) -> AIMessage:
    """Numbers in arguments are one too high, and so is the last digit of every id."""
    return with_calls(answer, lambda c: {"args": {k: _raised(v) for k, v in c["args"].items()}})


def bare(answer: AIMessage, _asked: Mapping[str, Any]) -> AIMessage:
    """Arguments are lost on the way."""
    return with_calls(answer, lambda _call: {"args": {}})


def other_model(answer: AIMessage, _asked: Mapping[str, Any]) -> AIMessage:
    """Another model: whatever somebody writes is a complaint to it."""
    return with_calls(
        answer, lambda c: {"args": {**c["args"], "job": "complaint"}} if "job" in c["args"] else c
    )


def _raised(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return value + 1
    if isinstance(value, str) and value[-1:].isdigit():
        return value[:-1] + str((int(value[-1]) + 1) % 10)
    return value


def retrieved(
    change: Callable[[list[Any], str], list[Any]], asks: Callable[[str], str] = str
) -> AbstractContextManager[None]:
    """Let the retriever return something else, or be asked something else."""
    find = type(WORDINGS).find

    async def other(self: Any, question: str, product: str | None = None, k: int = 4) -> list[Any]:
        return change(await find(self, asks(question), product, 40), question)[:k]

    return swapped(type(WORDINGS), "find", other)


def shuffled(passages: list[Any], question: str) -> list[Any]:
    """Passages in an order that has nothing to do with the question."""
    return sorted(passages, key=lambda p: hashlib.sha256(f"{question}{p.source}".encode()).digest())


@contextmanager
def policies(change: Callable[[Path], None]) -> Iterator[None]:
    """Change a copy of the policy files, and let that be the policies."""
    with tempfile.TemporaryDirectory(prefix="tower-policies-") as folder:
        copy = Path(shutil.copytree(POLICIES, Path(folder) / "policies"))
        change(copy)
        rules = cache(lambda: (load_policy((copy,)), load_limits(folder=copy)))
        with swapped(stage, "_rules", rules):
            yield


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


def lost_instruction() -> AbstractContextManager[None]:
    """What the front door is told about its jobs loses every explanation and every example."""

    def without(job: dict[str, Any]) -> None:
        job["description"] = "\n".join(line.partition(":")[0] for line in job["description"].splitlines())
        job.pop(KEYWORD, None)

    return jobs(without)


def jobs(change: Callable[[dict[str, Any]], None]) -> AbstractContextManager[None]:
    """Change the schema of what the front door is told about its jobs."""
    schema = Route.model_json_schema

    def other(*args: Any, **kwargs: Any) -> dict[str, Any]:
        found = schema(*args, **kwargs)
        change(found["properties"]["job"])
        return found

    return swapped(Route, "model_json_schema", other)


@contextmanager
def taught(change: Callable[[Mapping[str, list[str]]], Mapping[str, list[str]]]) -> Iterator[None]:
    """Let the front door learn from other examples, from a file of their own."""
    with tempfile.TemporaryDirectory(prefix="tower-examples-") as folder:
        path = Path(shutil.copy(EXAMPLES.path.with_suffix(".npz"), folder)).with_suffix(".toml")
        texts = change(EXAMPLES.texts).items()
        lists = (f"{label} = {json.dumps(mine, ensure_ascii=False)}\n" for label, mine in texts)
        path.write_text("".join(lists), encoding="utf-8")
        other = Examples.read(path).id
        with jobs(lambda job: job.update({KEYWORD: other})):
            yield


def lost_authority() -> AbstractContextManager[None]:
    """No branch's word outweighs the others any more."""
    return swapped(HighestAuthority, "settle", lambda _self, _verdicts: None)


def one_call_less() -> AbstractContextManager[None]:
    """What a run's contract allows is off by one."""
    check = Gate._check_contract  # noqa: SLF001 - the control that is sabotaged

    def short(self: Gate, tx: Any, act: Any) -> None:
        run = act.actor.run
        tools = {name: count - 1 for name, count in run.contract.tools.items()}
        run = replace(run, contract=replace(run.contract, tools=tools))
        check(self, tx, replace(act, actor=replace(act.actor, run=run)))

    return swapped(Gate, "_check_contract", short)
