"""Remote model: `ChatOpenAI` for any compatible server, without the SDK's walk through each message."""

from __future__ import annotations

from typing import Any

from langchain_core.language_models import LanguageModelInput
from langchain_openai import ChatOpenAI


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
