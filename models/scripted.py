"""A scripted model for tests: says what it is told to say, and remembers what it was asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from pydantic import PrivateAttr

Line = AIMessage | Exception | Callable[[Sequence[BaseMessage]], AIMessage]
"""What to answer, what to raise, or a function of the prompt."""


class ScriptEnded(Exception):
    """The model was asked more often than the script has lines."""


class ScriptedChatModel(BaseChatModel):
    """Answers line by line.

    Agents that work side by side get a script each: a line list under a marker is used for
    prompts whose system message contains the marker.

    Attributes:
        delay: Seconds before each answer.
    """

    delay: float = 0.0
    _scripts: dict[str, list[Line]] = PrivateAttr(default_factory=dict)
    _prompts: list[list[BaseMessage]] = PrivateAttr(default_factory=list)
    _tools: list[list[dict[str, Any]]] = PrivateAttr(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "scripted"

    @property
    def calls(self) -> int:
        """How often it was asked."""
        return len(self._prompts)

    @property
    def prompts(self) -> list[list[BaseMessage]]:
        """What it was asked, call by call."""
        return self._prompts

    @property
    def tools(self) -> list[list[dict[str, Any]]]:
        """The tools it was offered, call by call."""
        return self._tools

    def script(self, *lines: Line, marker: str = "") -> None:
        """Add lines, for all prompts or for those whose system message has the marker."""
        self._scripts.setdefault(marker, []).extend(lines)

    def bind_tools(
        self, tools: Sequence[Any], *, tool_choice: Any = None, **kwargs: Any
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Note the tools that are offered; the script decides which are called."""
        return self.bind(tools=list(tools), tool_choice=tool_choice, **kwargs)

    def _next(self, messages: list[BaseMessage], **kwargs: Any) -> AIMessage:
        self._prompts.append(messages)
        self._tools.append(kwargs.get("tools", []))
        system = messages[0].text if messages else ""
        marker = max((m for m in self._scripts if m in system), key=len, default="")
        lines = self._scripts.get(marker, [])
        if not lines:
            msg = f"call {self.calls} has no line in the script"
            raise ScriptEnded(msg)
        line = lines.pop(0)
        if isinstance(line, Exception):
            raise line
        said = line(messages) if callable(line) else line.model_copy(deep=True)
        said.usage_metadata = {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}
        return said

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=self._next(messages, **kwargs))])

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        await asyncio.sleep(self.delay)
        return self._generate(messages, stop, None, **kwargs)

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        await asyncio.sleep(self.delay)
        said = self._next(messages, **kwargs)
        for word in said.text.split(" ") or [""]:
            yield ChatGenerationChunk(message=AIMessageChunk(content=f"{word} "))
