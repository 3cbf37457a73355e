"""The offline chat model: deterministic, in this process, and no language model."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, Literal

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LangSmithParams, LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, ToolCall
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.output_parsers import JsonOutputParser, PydanticOutputParser
from langchain_core.output_parsers.openai_tools import JsonOutputKeyToolsParser, PydanticToolsParser
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable, RunnableMap, RunnablePassthrough
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_json_schema, convert_to_openai_tool
from langchain_core.utils.pydantic import is_basemodel_subclass
from pydantic import BaseModel, ConfigDict
from pydantic import Field as ModelField

from models.embeddings import minilm
from models.offline.answer import in_words
from models.offline.choose import Step, next_step
from models.offline.facts import read
from models.offline.fill import fill
from models.offline.tool import Tool

PROVIDER = "offline"
FORCING = ("any", "required")


class OfflineChatModel(BaseChatModel):
    """Answers by embeddings, typed parsers and rules, from the messages and schemas alone.

    It chooses tools, fills schemas, routes and quotes; it can't write, plan or judge prose, and says
    so ("needs a language model: …"). The same messages always get the same answer.
    """

    model_config = ConfigDict(populate_by_name=True)

    model_name: str = ModelField(default="offline-1", alias="model")
    stop: list[str] | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    """Taken for the sake of the interface; there is nothing random here."""

    @property
    def _llm_type(self) -> str:
        return PROVIDER

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model_name": self.model_name}

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = super()._get_ls_params(stop=stop, **kwargs)
        params["ls_provider"] = PROVIDER
        return params

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | dict[str, Any] | bool | None = None,
        strict: bool | None = None,  # noqa: ARG002 - schemas are always kept to
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Bind tools.

        Args:
            tools: Anything that LangChain can turn into OpenAI's form.
            tool_choice: `auto`, `none`, `any` or `required`, or a tool's name.
        """
        formatted = [convert_to_openai_tool(tool) for tool in tools]
        choice = _choice(tool_choice, [tool["function"]["name"] for tool in formatted])
        return self.bind(tools=formatted, tool_choice=choice, **kwargs)

    def with_structured_output(
        self,
        schema: dict[str, Any] | type,
        *,
        include_raw: bool = False,
        method: Literal["function_calling", "json_schema", "json_mode"] = "function_calling",
        strict: bool | None = None,  # noqa: ARG002 - schemas are always kept to
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, dict[str, Any] | BaseModel]:
        """Answer in the form of a schema; what the messages don't hold is missing, never invented."""
        if kwargs:
            msg = f"unknown arguments {', '.join(kwargs)}"
            raise ValueError(msg)
        shown = {"kwargs": {"method": method}, "schema": schema}
        model_class = schema if isinstance(schema, type) and is_basemodel_subclass(schema) else None
        llm: Runnable[LanguageModelInput, AIMessage]
        parser: Any
        if method == "function_calling":
            name = convert_to_openai_tool(schema)["function"]["name"]
            llm = self.bind_tools([schema], tool_choice=name, ls_structured_output_format=shown)
            parser = (
                PydanticToolsParser(tools=[model_class], first_tool_only=True)
                if model_class
                else JsonOutputKeyToolsParser(key_name=name, first_tool_only=True)
            )
        else:
            llm = self.bind(response_schema=convert_to_json_schema(schema), ls_structured_output_format=shown)
            parser = PydanticOutputParser(pydantic_object=model_class) if model_class else JsonOutputParser()
        return _with_raw(llm, parser) if include_raw else llm | parser

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002 - there are no tokens to report
        **kwargs: Any,
    ) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=self._answer(messages, stop, **kwargs))])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        answer = self._answer(messages, stop, **kwargs)
        for piece in re.findall(r"\s*\S+|\s+$", answer.text):
            chunk = ChatGenerationChunk(message=AIMessageChunk(content=piece, id=answer.id))
            if run_manager:
                run_manager.on_llm_new_token(piece, chunk=chunk)
            yield chunk
        calls = [
            tool_call_chunk(name=c["name"], args=json.dumps(c["args"]), id=c["id"], index=i)
            for i, c in enumerate(answer.tool_calls)
        ]
        yield ChatGenerationChunk(
            message=AIMessageChunk(
                content="",
                id=answer.id,
                tool_call_chunks=calls,
                usage_metadata=answer.usage_metadata,
                response_metadata=answer.response_metadata,
                chunk_position="last",
            )
        )

    def _answer(
        self,
        messages: Sequence[BaseMessage],
        stop: list[str] | None,
        *,
        tools: Sequence[Mapping[str, Any]] = (),
        tool_choice: str | None = None,
        response_schema: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> AIMessage:
        step = _decide(messages, tools, tool_choice, response_schema)
        text = _cut(step.text, stop or self.stop, kwargs.get("max_tokens") or self.max_tokens)
        prompt = _prompt(messages, tools, response_schema)
        digest = hashlib.sha256(prompt.encode("utf-8", "replace")).hexdigest()
        calls = [
            ToolCall(name=name, args=args, id=f"call_{digest[:20]}{i}", type="tool_call")
            for i, (name, args) in enumerate(step.calls)
        ]
        written = text + "".join(json.dumps([c["name"], c["args"]]) for c in calls)
        return AIMessage(
            content=text,
            tool_calls=calls,
            usage_metadata=_usage(prompt, written),
            response_metadata={
                "model_provider": PROVIDER,
                "model_name": kwargs.get("model", self.model_name),
                "finish_reason": "tool_calls" if calls else "stop" if text == step.text else "length",
            },
        )


def _decide(
    messages: Sequence[BaseMessage],
    tools: Sequence[Mapping[str, Any]],
    tool_choice: str | None,
    response_schema: Mapping[str, Any] | None,
) -> Step:
    facts = read(messages)
    if response_schema is not None:
        return Step(text=json.dumps(fill(response_schema, facts).values, ensure_ascii=False))
    bound = [_tool(tool["function"]) for tool in tools]
    if bound and tool_choice != "none":
        only = tool_choice if tool_choice not in (None, "auto", *FORCING) else None
        step = next_step(facts, bound, must_call=tool_choice in FORCING, only=only)
        if step is not None:
            return step
    return Step(text=in_words(facts, bound))


def _tool(function: Mapping[str, Any]) -> Tool:
    return Tool(function["name"], function.get("description", ""), function.get("parameters") or {})


def _choice(tool_choice: Any, names: Sequence[str]) -> str | None:
    """Any of the forms of `tool_choice` as one word."""
    if isinstance(tool_choice, dict):
        tool_choice = str(tool_choice["function"]["name"])
    if isinstance(tool_choice, bool):
        return "any" if tool_choice else None
    if tool_choice in (None, "auto", "none", *FORCING) or tool_choice in names:
        return None if tool_choice is None else str(tool_choice)
    msg = f"tool_choice {tool_choice!r} is none of the tools {', '.join(names)}"
    raise ValueError(msg)


def _cut(text: str, stop: Sequence[str] | None, max_tokens: int | None) -> str:
    """End before the first stop sequence, and after so many tokens."""
    ends = [text.find(word) for word in stop or () if word and word in text]
    text = text[: min(ends)] if ends else text
    if max_tokens is None:
        return text
    pieces = re.findall(r"\s*\S+", text)
    while pieces and minilm().count_tokens("".join(pieces)) > max_tokens:
        pieces = pieces[: max(0, min(len(pieces) - 1, len(pieces) * 9 // 10))]
    return "".join(pieces)


def _prompt(
    messages: Sequence[BaseMessage],
    tools: Sequence[Mapping[str, Any]],
    response_schema: Mapping[str, Any] | None,
) -> str:
    """All that the model was given, as one text."""
    said = [f"{m.type}: {m.text}{json.dumps(getattr(m, 'tool_calls', None) or '')}" for m in messages]
    return "\n".join([*said, json.dumps(list(tools) or ""), json.dumps(response_schema or "")])


def _usage(prompt: str, written: str) -> UsageMetadata:
    count = minilm().count_tokens
    given, made = count(prompt), count(written)
    return UsageMetadata(input_tokens=given, output_tokens=made, total_tokens=given + made)


def _with_raw(llm: Runnable[Any, Any], parser: Runnable[Any, Any]) -> Runnable[Any, Any]:
    parsed = RunnablePassthrough.assign(parsed=itemgetter("raw") | parser, parsing_error=lambda _: None)
    failed = RunnablePassthrough.assign(parsed=lambda _: None)
    return RunnableMap(raw=llm) | parsed.with_fallbacks([failed], exception_key="parsing_error")
