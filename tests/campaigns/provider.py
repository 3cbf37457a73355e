"""Provider: the scripted model as it looks from outside, with a memory that no crash of ours touches."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Any
from uuid import uuid4

from langchain_core.messages import AIMessage, BaseMessage

from models.scripted import ScriptedChatModel, _message
from tests.matrix.crews import Lines

ACT: ContextVar[str] = ContextVar("act", default="")
"""The key of the act that was cleared last here: under it the provider is asked."""


class Provider:
    """Answers by script and writes down who asked it what, before it answers.

    The same question gets the same line of the script, in other words and with other ids each time,
    as a real model's answers differ: whoever asks twice sees it.
    """

    def __init__(self, bill: Path, leg: int, passes: Callable[[str], None]) -> None:
        self.bill, self.leg, self.passes = bill, leg, passes

    def model(self, scripts: Mapping[str, Lines]) -> ScriptedChatModel:
        """A model that answers from these scripts."""
        return ScriptedChatModel(scripts={job: self._speaks(job, said) for job, said in scripts.items()})

    def _speaks(self, job: str, said: Lines) -> Callable[[Sequence[BaseMessage]], AIMessage]:
        def answer(messages: Sequence[BaseMessage]) -> AIMessage:
            key = ACT.get()
            self.passes("before answer")
            run = key.partition("/")[0]
            asked = [ask["key"] for ask in asks(self.bill) if ask["job"] == job]
            earlier = dict.fromkeys(one for one in asked if one.startswith(f"{run}/"))
            number = list(earlier).index(key) if key in earlier else len(earlier)
            note(self.bill, {"key": key, "job": job, "leg": self.leg})
            line = said.lines[min(number, len(said.lines) - 1)]
            message = _message(line(messages) if callable(line) else line)
            calls = [{**call, "id": f"call-{uuid4().hex[:8]}"} for call in message.tool_calls]
            text = f"{message.text} ({uuid4().hex[:4]})" if message.text else ""
            self.passes("after answer")
            return message.model_copy(update={"tool_calls": calls, "content": text})

        return answer


def note(path: Path, line: Mapping[str, Any]) -> None:
    """Append a line that a crash right after it doesn't take back."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, json.dumps(line).encode() + b"\n")
    finally:
        os.close(descriptor)


def asks(path: Path) -> list[dict[str, Any]]:
    """All that was ever asked."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
