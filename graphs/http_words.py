"""HTTP words: what a client says beside its request, checked and without personal data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from governance.acts import Json
from governance.control import control
from governance.errors import InvalidInput
from governance.principals import User
from nodes.state import Context

CONTEXT = frozenset(field.name for field in fields(Context))
MOST = 100_000
"""Characters of metadata, context and tags together, or of an answer."""


async def masked(user: User, words: Json) -> Json:
    """Put tokens in the place of personal data.

    Raises:
        InvalidInput: It is too long; it would be kept with every checkpoint.
    """
    if len(json.dumps(words)) > MOST:
        msg = f"metadata, context, tags and answers have {MOST:,} characters at most; send less"
        raise InvalidInput(msg)
    return await control().vault.tokenise_json(user.tenant, words, {})


async def kept_words(user: User, value: Mapping[str, Any]) -> Json:
    """What is kept of a run's context, metadata and tags, in this order.

    Raises:
        InvalidInput: It is too long, or the context is none.
    """
    config = value["kwargs"]["config"]
    given = {**(config.get("configurable") or {}), **(value["kwargs"].get("context") or {})}
    context = {name: given[name] for name in CONTEXT & set(given)}
    if not all(isinstance(text, str) for text in context.values()):
        msg = f"{' and '.join(sorted(CONTEXT))} of the context are texts"
        raise InvalidInput(msg)
    metadata = {**(config.get("metadata") or {}), **value["metadata"]}
    return await masked(user, [context, metadata, config.get("tags") or []])
