"""Binding: what a tool is given at the last moment, and what of its result leaves in the clear."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from governance.acts import Json
from governance.control import control
from governance.principals import Run
from tools.spec import Caller, EffectKey, Tool, personal_kind


async def arguments(tool: Tool, run: Run, args: Mapping[str, Json]) -> dict[str, Any]:
    """Arguments as the tool takes them: personal values revealed, dates and enums parsed.

    Those that the tool doesn't take are left out.
    """
    vault, tenant = control().vault, run.user.tenant
    real = {
        name: await vault.reveal_json(tenant, value)
        for name, value in args.items()
        if name in tool.args.model_fields
    }
    # Back through the schema: the tool gets dates and enums, not their JSON.
    checked = tool.args.model_validate(real)
    return {name: getattr(checked, name) for name in real}


def injected(tool: Tool, run: Run, key: str) -> dict[str, Any]:
    """What the gateway gives beside the agent's arguments."""
    given: dict[str, Any] = {}
    for name, kind in tool.injected.items():
        if name == "key":
            given[name] = EffectKey(key)
        elif name == "caller":
            given[name] = Caller(run.user.tenant, run.user.id, run.id, run.subject)
        else:
            given[name] = kind.current()
    return given


async def masked(tool: Tool, tenant: str, result: Any, own: frozenset[str] = frozenset()) -> Json:
    """A tool's result as JSON, personal values as tokens.

    Args:
        own: Tokens of the customer's own values, which may stand in free text too.
    """
    raw, vault = tool.result.dump_python(result, mode="json"), control().vault
    return await vault.tokenise_json(tenant, raw, dict(_personal(result)), own=own)


def made(tool: Tool, result: Json) -> dict[str, list[str]]:
    """What the tool made that the rest of the run may use, from the result and never from arguments."""
    if tool.yields is None:
        return {}
    name, source = tool.yields
    return {name: [str(result[source])]}


def _personal(value: Any) -> Iterator[tuple[str, str]]:
    """Every personal value in a result, with its token kind."""
    if isinstance(value, BaseModel):
        for name, field in type(value).model_fields.items():
            inner = getattr(value, name)
            kind = next((mark.kind for mark in field.metadata if hasattr(mark, "kind")), None)
            kind = kind or personal_kind(field.annotation)
            if kind and inner:
                yield str(inner), kind
            else:
                yield from _personal(inner)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _personal(item)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _personal(item)
