"""A scripted chat model for tests: says what it is told to say, and remembers what it was asked."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, SystemMessage, ToolCall
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import PrivateAttr


@dataclass(frozen=True, slots=True)
class Delayed:
    """An answer that takes its time.

    Attributes:
        seconds: Waited before the answer; cancellable under `ainvoke`.
    """

    seconds: float
    answer: Reply


Reply = AIMessage | str | Mapping[str, Any] | Exception | Delayed
"""What a script says: a message, text, a tool call (`call`), an exception to raise, or one of these late."""

Script = Sequence[Reply] | Callable[[Sequence[BaseMessage]], Reply]
"""Replies one after another, or a function of the messages."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What the model was asked.

    Attributes:
        key: The script that answered.
        tools: Names of the bound tools.
    """

    key: str
    messages: Sequence[BaseMessage]
    tools: Sequence[str]

    @property
    def text(self) -> str:
        """All messages' text, for looking through."""
        return "\n".join(message.text for message in self.messages)


class ScriptExhausted(AssertionError):
    """The model was asked more often than its script has replies."""


@dataclass
class _State:
    lock: threading.Lock = field(default_factory=threading.Lock)
    prompts: list[Prompt] = field(default_factory=list)
    used: dict[str, int] = field(default_factory=dict)


def call(name: str, **args: Any) -> AIMessage:
    """Make the reply that calls one tool; its id is set when it is said."""
    return AIMessage("", tool_calls=[ToolCall(name=name, args=args, id="", type="tool_call")])


class ScriptedChatModel(BaseChatModel):
    """Answers from scripts; safe to share between threads and event loops.

    Attributes:
        scripts: Key → script. The first key that occurs in the system prompt answers; the key `""`
            answers the rest.
    """

    scripts: Mapping[str, Any]
    _state: _State = PrivateAttr(default_factory=_State)

    @classmethod
    def of(cls, script: Script) -> ScriptedChatModel:
        """Make a model with one script for everybody."""
        return cls(scripts={"": script})

    @property
    def calls(self) -> int:
        """How often it was asked."""
        return len(self._state.prompts)

    @property
    def prompts(self) -> list[Prompt]:
        """Everything that it was asked, in order."""
        with self._state.lock:
            return list(self._state.prompts)

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(
        self, tools: Sequence[Any], *, tool_choice: Any = None, **kwargs: Any
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Bind tools; scripts decide whether they are called."""
        formatted = [convert_to_openai_tool(tool) for tool in tools]
        return self.bind(tools=formatted, tool_choice=tool_choice, **kwargs)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        del stop, run_manager
        reply, count = self._next(messages, kwargs.get("tools", ()))
        if isinstance(reply, Delayed):
            time.sleep(reply.seconds)
        return _said(reply, count, messages)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        del stop, run_manager
        reply, count = self._next(messages, kwargs.get("tools", ()))
        if isinstance(reply, Delayed):
            await asyncio.sleep(reply.seconds)
        return _said(reply, count, messages)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        message = self._generate(messages, stop, run_manager, **kwargs).generations[0].message
        for piece in message.text.split(" ") if message.text else ():
            chunk = ChatGenerationChunk(message=AIMessageChunk(content=f"{piece} ", id=message.id))
            if run_manager:
                run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk
        yield ChatGenerationChunk(message=_last_chunk(message))

    def _next(self, messages: Sequence[BaseMessage], tools: Sequence[Mapping[str, Any]]) -> tuple[Reply, int]:
        """The reply that is due, and this call's count; counted before it is said, as an attempt is."""
        key = self._key(messages)
        with self._state.lock:
            names = [str(tool["function"]["name"]) for tool in tools]
            self._state.prompts.append(Prompt(key, list(messages), names))
            count = len(self._state.prompts)
            turn = self._state.used.get(key, 0)
            self._state.used[key] = turn + 1
        script = self.scripts[key]
        if callable(script):
            return script(messages), count
        if turn >= len(script):
            msg = f"script {key!r} has {len(script)} replies and was asked for one more"
            raise ScriptExhausted(msg)
        return script[turn], count

    def _key(self, messages: Sequence[BaseMessage]) -> str:
        system = "\n".join(message.text for message in messages if isinstance(message, SystemMessage))
        keys = [key for key in self.scripts if key and key in system]
        if keys:
            return keys[0]
        if "" in self.scripts:
            return ""
        msg = f"no script for the system prompt {system[:80]!r}; there are {sorted(self.scripts)}"
        raise ScriptExhausted(msg)


def _last_chunk(message: BaseMessage) -> AIMessageChunk:
    calls = message.tool_calls if isinstance(message, AIMessage) else []
    chunks = [
        tool_call_chunk(name=c["name"], args=json.dumps(c["args"]), id=c["id"], index=i)
        for i, c in enumerate(calls)
    ]
    usage = message.usage_metadata if isinstance(message, AIMessage) else None
    return AIMessageChunk(
        content="", id=message.id, tool_call_chunks=chunks, usage_metadata=usage, chunk_position="last"
    )


def _said(reply: Reply, count: int, messages: Sequence[BaseMessage]) -> ChatResult:
    while isinstance(reply, Delayed):
        reply = reply.answer
    if isinstance(reply, Exception):
        raise reply
    message = _message(reply)
    calls = [
        ToolCall(name=c["name"], args=c["args"], id=c["id"] or f"call_{count}_{i}", type="tool_call")
        for i, c in enumerate(message.tool_calls)
    ]
    given, made = sum(len(m.text) for m in messages) // 4, len(message.text) // 4 + 10 * len(calls)
    usage = message.usage_metadata or UsageMetadata(
        input_tokens=given, output_tokens=made, total_tokens=given + made
    )
    said = message.model_copy(update={"tool_calls": calls, "usage_metadata": usage})
    source = {"model_provider": "scripted", "model_name": "scripted"}
    said.response_metadata = {**source, **message.response_metadata}
    return ChatResult(generations=[ChatGeneration(message=said)])


def _message(reply: Any) -> AIMessage:
    if isinstance(reply, AIMessage):
        return reply
    if isinstance(reply, str):
        return AIMessage(reply)
    return call(reply["name"], **reply.get("args", {}))
