"""Remote model: `ChatOpenAI` for any compatible server, without the SDK's walk through what is said."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun
from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatResult
from langchain_openai import ChatOpenAI
from openai import (
    APIConnectionError,
    AuthenticationError,
    BadRequestError,
    InternalServerError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
)

from governance.errors import ModelUnavailable, NoCompletion

_OPTIONS = {"response_format", "timeout", "extra_headers", "extra_query"}
"""What is read by the SDK and not by the server."""


class RemoteChatModel(ChatOpenAI):
    """`ChatOpenAI` that hands over messages and tools as the JSON they are, and reads the answer as such.

    The SDK compares every field of a request and of an answer with its type hints, and LangChain turns
    the result back into a dict, in a thread; for chats this changes nothing and costs 0.3 ms of CPU a
    message. What comes as `extra_body` the SDK takes as it is, and an `object` it gives as it came.
    """

    def _get_request_payload(
        self, input_: LanguageModelInput, *, stop: list[str] | None = None, **kwargs: Any
    ) -> dict[str, Any]:
        payload = super()._get_request_payload(input_, stop=stop, **kwargs)
        if "messages" not in payload or "response_format" in payload:
            return payload  # another interface, or one that reads the request itself
        ready = {name: payload.pop(name) for name in ("messages", "tools") if name in payload}
        return payload | {"messages": [], "extra_body": {**ready, **(payload.get("extra_body") or {})}}

    async def _complete(
        self, messages: list[BaseMessage], stop: list[str] | None, manager: Any, **kwargs: Any
    ) -> ChatResult:
        payload = self._get_request_payload(messages, stop=stop, **kwargs)
        if "extra_body" not in payload or self.include_response_headers or _OPTIONS & payload.keys():
            return await super()._agenerate(messages, stop, manager, **kwargs)
        extra = payload.pop("extra_body")
        body = payload | extra
        said: Any = await self.root_async_client.post("/chat/completions", cast_to=object, body=body)
        if isinstance(said, str):  # from a server that doesn't say that its answer is JSON, or has none
            with suppress(ValueError):
                said = json.loads(said)
        choices = said.get("choices") if isinstance(said, dict) else None
        if not all(isinstance(c, dict) and isinstance(c.get("message"), dict) for c in choices or ()):
            msg = "a choice without a message"
            raise ValueError(msg)
        return self._create_chat_result(said)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        """Tell what only an operator can mend, and an outage, from an answer that is none.

        Raises:
            ModelUnavailable: Key, rights, address or model's name are wrong, or nobody listens there.
            ConnectionError: The server is away or overloaded: a timeout, a broken connection, 429 or 5xx.
            NoCompletion: The server answered, and gave no model's answer.
        """
        try:
            result = await self._complete(messages, stop, run_manager, **kwargs)
        except (AuthenticationError, PermissionDeniedError, NotFoundError) as error:
            raise ModelUnavailable(str(error)) from error
        except (InternalServerError, RateLimitError) as error:
            raise ConnectionError(str(error)) from error
        except APIConnectionError as error:
            # By name: which HTTP client the SDK uses is its own affair, and it has changed.
            cause: BaseException | None = error
            while cause and type(cause).__name__ != "ConnectError":
                cause = cause.__cause__
            if cause is None:
                raise ConnectionError(str(error)) from error
            msg = f"no connection to {self.openai_api_base}, where nobody listens"
            raise ModelUnavailable(msg) from error
        except (BadRequestError, ValueError, TypeError, KeyError) as error:
            msg = f"{self.openai_api_base} gave no model's answer: {error}"
            raise NoCompletion(msg) from error
        if not result.generations:
            msg = "the model's server gave no answer: `choices` is empty"
            raise NoCompletion(msg)
        return result
