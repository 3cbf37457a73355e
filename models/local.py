"""A language model on this machine: a GGUF file that is served in this process, through the extra `local`."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import secrets
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from operator import itemgetter
from pathlib import Path
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage, SystemMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.output_parsers import JsonOutputParser, PydanticOutputParser
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable, RunnableMap, RunnablePassthrough
from langchain_core.utils.function_calling import convert_to_json_schema, convert_to_openai_tool
from langchain_core.utils.pydantic import is_basemodel_subclass

from governance.errors import ModelUnavailable
from models.enforced import LocalModelError, called, copied, dialogue, one_of, plain, repeated

PROVIDER = "local"
CONTEXT_TOKENS = 8_192
ANSWER_TOKENS = 1_024


class NoLocalModel(LocalModelError, ModelUnavailable):
    """It can't be loaded as it is configured."""


class LocalChatModel(BaseChatModel):
    """Asks the GGUF file that `TOWER_LOCAL_GGUF` names.

    Small models are bad at their own tool-call formats. Therefore the tools become one JSON schema,
    which decoding enforces, and what comes back is turned into tool calls.
    """

    model_name: str = "local"
    path: str | None = None
    """The file, instead of `TOWER_LOCAL_GGUF`."""
    max_tokens: int = ANSWER_TOKENS
    threads: int | None = None
    """Threads that compute, instead of `TOWER_LOCAL_THREADS`; without either as many as processors."""

    @property
    def _llm_type(self) -> str:
        return PROVIDER

    def bind_tools(
        self, tools: Sequence[Any], *, tool_choice: Any = None, **kwargs: Any
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Bind tools; `tool_choice` is `auto`, `none`, `any`, `required` or a tool's name."""
        formatted = [convert_to_openai_tool(tool) for tool in tools]
        choice = tool_choice["function"]["name"] if isinstance(tool_choice, dict) else tool_choice
        return self.bind(tools=formatted, tool_choice="any" if choice is True else choice, **kwargs)

    def with_structured_output(
        self, schema: Any, *, include_raw: bool = False, **kwargs: Any
    ) -> Runnable[LanguageModelInput, Any]:
        """Answer in the form of a schema, which decoding enforces whatever `method` says."""
        shown = {"kwargs": {"method": kwargs.get("method", "json_schema")}, "schema": schema}
        llm = self.bind(response_schema=convert_to_json_schema(schema), ls_structured_output_format=shown)
        is_model = isinstance(schema, type) and is_basemodel_subclass(schema)
        parser: Any = PydanticOutputParser(pydantic_object=schema) if is_model else JsonOutputParser()
        structured: Runnable[LanguageModelInput, Any] = llm | parser
        if not include_raw:
            return structured
        parsed = RunnablePassthrough.assign(parsed=itemgetter("raw") | parser, parsing_error=lambda _: None)
        failed = RunnablePassthrough.assign(parsed=lambda _: None)
        return RunnableMap(raw=llm) | parsed.with_fallbacks([failed], exception_key="parsing_error")

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002 - nothing is streamed
        **kwargs: Any,
    ) -> ChatResult:
        request, tools = self._request(messages, stop, **kwargs)
        return self._result(_line.submit(self._answered, request).result(), tools)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002 - nothing is streamed
        **kwargs: Any,
    ) -> ChatResult:
        request, tools = self._request(messages, stop, **kwargs)
        reply = await asyncio.wrap_future(_line.submit(self._answered, request))
        return self._result(reply, tools)

    def _request(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None,
        *,
        tools: Sequence[Mapping[str, Any]] = (),
        tool_choice: str | None = None,
        response_schema: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> tuple[dict[str, Any], list[str]]:
        """What the server is asked, and the tools that its answer may call."""
        offered = [] if tool_choice == "none" else [tool["function"] for tool in tools]
        again = repeated(messages) - {tool_choice}
        # Shown it still is: what is cached of the prompt stays good.
        others = [tool for tool in offered if tool["name"] not in again]
        schema = response_schema or (one_of(others or offered, tool_choice) if offered else None)
        words = tool_choice in {None, "auto"}
        request: dict[str, Any] = {
            "messages": dialogue(messages, offered, response_schema, words=words),
            "max_tokens": kwargs.get("max_tokens", self.max_tokens),
            "temperature": 0,
        }
        if schema:
            said = "\n".join(m.text for m in messages if not isinstance(m, SystemMessage | AIMessage))
            form = {"schema": copied(plain(schema), said)}
            request["response_format"] = {"type": "json_schema", "json_schema": form}
        if stop:
            request["stop"] = stop
        return request, [] if response_schema else [function["name"] for function in offered]

    def _answered(self, request: Mapping[str, Any]) -> Any:
        path = self.path or os.environ.get("TOWER_LOCAL_GGUF", "")
        return open_server(path, self.threads or _threads()).handle_chat_completions(request)

    def _result(self, reply: Mapping[str, Any], tools: Sequence[str]) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=self._message(reply, tools))])

    def _message(self, reply: Mapping[str, Any], tools: Sequence[str]) -> AIMessage:
        if "choices" not in reply:
            msg = f"the local model failed: {json.dumps(reply)[:300]}"
            raise LocalModelError(msg)
        text = str(reply["choices"][0]["message"].get("content") or "")
        usage = reply.get("usage", {})
        given, made = int(usage.get("prompt_tokens", 0)), int(usage.get("completion_tokens", 0))
        content, calls = called(text, str(reply.get("id", ""))) if tools else (text, [])
        return AIMessage(
            content=content,
            tool_calls=calls,
            usage_metadata=UsageMetadata(input_tokens=given, output_tokens=made, total_tokens=given + made),
            response_metadata={
                "model_provider": PROVIDER,
                "model_name": self.model_name,
                "finish_reason": reply["choices"][0].get("finish_reason"),
            },
        )


_line = ThreadPoolExecutor(1, thread_name_prefix="local-model")
"""Calls stand in line: the file is loaded once, and who gives up before its turn costs nothing."""


def _threads() -> int | None:
    said = os.environ.get("TOWER_LOCAL_THREADS", "")
    if said and not said.isdecimal():
        msg = f"TOWER_LOCAL_THREADS is {said!r}; give a number of threads, or leave it out"
        raise NoLocalModel(msg)
    return int(said or 0) or None


@lru_cache(maxsize=1)
def open_server(path: str, threads: int | None) -> Any:
    """Load the model once per process.

    Raises:
        NoLocalModel: No file, a file with another hash, or the extra isn't installed.
    """
    check_model(path, os.environ.get("TOWER_LOCAL_GGUF_SHA256"))
    try:
        import xllamacpp  # noqa: PLC0415 - an extra
    except ImportError as error:
        msg = "TOWER_LOCAL_GGUF needs the extra `local`; install it with `uv pip install 'tower[local]'`"
        raise NoLocalModel(msg) from error
    params = xllamacpp.CommonParams()
    params.model.path = path
    params.n_ctx = CONTEXT_TOKENS
    params.n_parallel = 1
    # The library also listens on a loopback port; nobody else gets a key to it.
    params.api_keys = [secrets.token_urlsafe(32)]
    params.verbosity = 0
    if threads:
        params.cpuparams.n_threads = threads
    return xllamacpp.Server(params)


def check_model(path: str, sha256: str | None) -> None:
    """Refuse a file that isn't there or isn't the one that was meant.

    Raises:
        NoLocalModel: Missing, or its SHA-256 isn't `sha256`.
    """
    if not Path(path).is_file():
        msg = f"TOWER_LOCAL_GGUF names {path!r}, and there is no such file; give the path of a GGUF file"
        raise NoLocalModel(msg)
    if not sha256:
        return
    with Path(path).open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256.strip().lower():
        msg = f"{path} has SHA-256 {found}, TOWER_LOCAL_GGUF_SHA256 says {sha256}; fetch the file again"
        raise NoLocalModel(msg)
