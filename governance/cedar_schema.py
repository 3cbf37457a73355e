"""Cedar schema: what policies may speak of, with one action per tool made from the tool's JSON schema."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from governance.errors import ControlUnavailable

RUN_FACTS = "approved: Bool, trusted: Trusted, verified: String, tenant: String, user_roles: Set<String>"
"""What every act of an agent carries; `tower.cedarschema` spells it out for the other seams."""

SEAM_ACTIONS = frozenset(
    {
        *("call_model", "route", "ask_human", "ask_superior", "read_memory", "write_memory", "deliver"),
        *("start_run", "decide_approval", "read_run", "cancel_run", "read_audit", "see_personal"),
        *("undo_run", "settle_effect", "read_budget", "answer_for_release", "approve_configuration"),
        "retire_audit",
    }
)
"""The actions of `tower.cedarschema`, groups aside."""

# Without a single tool, Cedar would refuse rules about the group.
_NO_TOOL = (
    'action "no tool" in [Action::"call"] appliesTo '
    f"{{ principal: [Agent], resource: [Tool], context: {{ args: {{}}, {RUN_FACTS} }} }};"
)
_NAME = re.compile(r"[A-Za-z_]\w*")
_SCALARS = {"string": "String", "integer": "Long", "boolean": "Bool"}


class PolicyError(ControlUnavailable):
    """The policy set can't be used, so nothing may act; the message names the file or the tool."""


class ToolSurface(Protocol):
    """What policy must know of a tool; the registry's surfaces have it all."""

    @property
    def name(self) -> str:
        """Its action's name."""

    @property
    def schema(self) -> Mapping[str, Any]:
        """JSON schema of its arguments, an object."""

    @property
    def risk(self) -> str:
        """`low`, `medium` or `high`."""

    @property
    def writes(self) -> bool:
        """Whether it changes something."""

    @property
    def undo(self) -> str | None:
        """The tool that takes it back; None with `writes` means irreversible."""


def schema_text(base: str, tools: Iterable[ToolSurface], trusted: Iterable[str]) -> str:
    """The whole schema: the base, the trusted sets, and an action for each tool.

    Args:
        base: Cedar schema that declares the entity types and the seams' own actions.
        trusted: Names of the sets that a contract may carry.

    Raises:
        PolicyError: A tool's name or arguments can't be said in Cedar.
    """
    sets = ", ".join(f"{json.dumps(name)}: Set<String>" for name in trusted)
    actions = [tool_action(tool) for tool in sorted(tools, key=lambda tool: tool.name)] or [_NO_TOOL]
    return "\n".join([base, f"type Trusted = {{{sets}}};", *actions, ""])


def tool_action(tool: ToolSurface) -> str:
    """The tool's action, in the group `call`."""
    if not _NAME.fullmatch(tool.name):
        msg = f"tool {tool.name!r} can't be an action: letters, digits and underscores only"
        raise PolicyError(msg)
    try:
        args = _type(tool.schema, tool.schema.get("$defs", {}))
    except ValueError as error:
        msg = f"tool {tool.name} can't be put under policy: {error}"
        raise PolicyError(msg) from error
    return (
        f'action "{tool.name}" in [Action::"call"] appliesTo '
        "{ principal: [Agent], resource: [Tool], "
        f"context: {{ args: {args}, asked?: {args}, confidence?: Long, already?: Long, {RUN_FACTS} }} }};"
    )


def _type(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    schema = _resolve(schema, definitions)
    kind = schema.get("type")
    if "enum" in schema or "const" in schema:
        values = schema.get("enum", [schema.get("const")])
        if all(isinstance(value, str) for value in values):
            return "String"
    if isinstance(kind, str) and kind in _SCALARS:
        return _SCALARS[kind]
    if kind == "array":
        return f"Set<{_type(schema.get('items', {}), definitions)}>"
    if kind == "object" and not schema.get("additionalProperties"):
        return _record(schema, definitions)
    if kind == "number":
        msg = "it takes a float, which Cedar doesn't have; use integers in minor units"
        raise ValueError(msg)
    shown = json.dumps(schema, default=str)[:120]
    msg = f"{shown} has no type in Cedar; use strings, integers, booleans, lists or records"
    raise ValueError(msg)


def _record(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    required = set(schema.get("required", ()))
    fields = []
    for name, field in schema.get("properties", {}).items():
        optional = "?" if name not in required or _nullable(_resolve(field, definitions)) else ""
        fields.append(f"{json.dumps(name)}{optional}: {_type(field, definitions)}")
    return f"{{{', '.join(fields)}}}"


def _resolve(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follow references, and see through a choice between one type and null."""
    while reference := schema.get("$ref"):
        schema = definitions[str(reference).rpartition("/")[2]]
    options = [option for option in schema.get("anyOf", ()) if option.get("type") != "null"]
    if len(options) == 1:
        return {**_resolve(options[0], definitions), "nullable": _nullable(schema)}
    return schema


def _nullable(schema: Mapping[str, Any]) -> bool:
    return bool(schema.get("nullable")) or any(
        option.get("type") == "null" for option in schema.get("anyOf", ())
    )
