"""Remote model: `ChatOpenAI` for any compatible server, without the SDK's walk through each message."""

from __future__ import annotations

from typing import Any

from langchain_core.language_models import LanguageModelInput
from langchain_core.outputs import ChatResult
from langchain_openai import ChatOpenAI
from openai import APIConnectionError, AuthenticationError, NotFoundError, PermissionDeniedError

from governance.errors import ModelUnavailable


class RemoteChatModel(ChatOpenAI):
    """`ChatOpenAI` that hands messages and tools over as the JSON they already are.

    The SDK compares every field of a request with its type hints, to rename some and to encode files;
    for chats it changes nothing and costs 0.3 ms of CPU a message. What comes as `extra_body` it takes
    as it is.
    """

    def _get_request_payload(
        self, input_: LanguageModelInput, *, stop: list[str] | None = None, **kwargs: Any
    ) -> dict[str, Any]:
        payload = super()._get_request_payload(input_, stop=stop, **kwargs)
        if "messages" not in payload or "response_format" in payload:
            return payload  # another interface, or one that reads the request itself
        ready = {name: payload.pop(name) for name in ("messages", "tools") if name in payload}
        return payload | {"messages": [], "extra_body": {**ready, **(payload.get("extra_body") or {})}}

    async def _agenerate(self, *args: Any, **kwargs: Any) -> ChatResult:
        """Tell what only an operator can mend from what another attempt may.

        Raises:
            ModelUnavailable: Key, rights, address or model's name are wrong, or nobody listens there.
            ValueError: The server answered, and gave no answer.
        """
        try:
            result = await super()._agenerate(*args, **kwargs)
        except (AuthenticationError, PermissionDeniedError, NotFoundError) as error:
            raise ModelUnavailable(str(error)) from error
        except APIConnectionError as error:
            # By name: which HTTP client the SDK uses is its own affair, and it has changed.
            cause: BaseException | None = error
            while cause and type(cause).__name__ != "ConnectError":
                cause = cause.__cause__
            if cause is None:
                raise
            msg = f"no connection to {self.openai_api_base}, where nobody listens"
            raise ModelUnavailable(msg) from error
        if not result.generations:
            msg = "the model's server gave no answer: `choices` is empty"
            raise ValueError(msg)
        return result
