"""Contract: what a remote tool advertises, held field by field against what ours was built for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

from tools.remote.errors import RemoteChanged

if TYPE_CHECKING:
    from tools.spec import Tool

Schema = Mapping[str, Any]
DEEPEST = 8
"""Levels of a schema that are compared; one that refers to itself ends here."""

MOST_NAMED = 8
"""Changes in one message."""

MOST_FIELDS = 1000
"""No schema of ours is as large; one of theirs must not keep us busy."""


def check_version(system: str, built_for: str, advertised: str) -> None:
    """Refuse another major version, whose fields may have the same names and another meaning.

    Raises:
        RemoteChanged: It is another.
    """
    if advertised.partition(".")[0] != built_for.partition(".")[0]:
        msg = (
            f"{system} is version {advertised or 'unknown'} now, and its tools were built for {built_for}; "
            "read what changed, adapt the tools and raise the version beside them"
        )
        raise RemoteChanged(msg)


def check_contract(system: str, tool: Tool, args: Schema, result: Schema, *, wrapped: bool = False) -> None:
    """Compare an advertised tool with ours, before it is called.

    Args:
        args: Its JSON schema of the arguments, references resolvable within.
        result: Its JSON schema of the result.
        wrapped: The protocol puts a result that isn't an object under `result`.

    Raises:
        RemoteChanged: They differ; the message names every field.
    """
    returned = tool.result.json_schema(mode="serialization")
    if wrapped and "$ref" not in returned:
        returned = as_object(returned)
    changes = _changes("argument", tool.args.model_json_schema(), args) + _changes("result", returned, result)
    if changes:
        named = [
            *changes[:MOST_NAMED],
            *([f"and {len(changes) - MOST_NAMED} more"] if changes[MOST_NAMED:] else []),
        ]
        msg = (
            f"{system} changed {tool.name}: {'; '.join(named)}. Nothing was asked; "
            "adapt the tool to it, or have the system put back"
        )
        raise RemoteChanged(msg)


def as_object(returned: dict[str, Any]) -> dict[str, Any]:
    """A result's schema as the protocol wants it: of an object, which has any other result in it."""
    if returned.get("type") == "object":
        return returned
    inner = {name: value for name, value in returned.items() if name != "$defs"}
    shared = returned.get("$defs", {})
    return {"type": "object", "properties": {"result": inner}, "required": ["result"], "$defs": shared}


def _changes(what: str, ours: Schema, theirs: Schema) -> list[str]:
    before, now = (dict(islice(_fields(schema, schema), MOST_FIELDS)) for schema in (ours, theirs))
    return [
        *(f"{what} {name} is gone" for name in before if name not in now),
        *(f"{what} {name} is new ({kind})" for name, kind in now.items() if name not in before),
        *(
            f"{what} {name} was {before[name]} and is {now[name]}"
            for name in before
            if name in now and before[name] != now[name]
        ),
    ]


def _fields(schema: Schema, root: Schema, path: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """Each field's path → its type in words, with `optional` where it may be left out."""
    schema = _resolved(schema, root)
    if depth < DEEPEST and schema.get("type") == "array":
        yield from _fields(schema.get("items", {}), root, f"{path}[]", depth + 1)
    elif depth < DEEPEST and schema.get("properties"):
        for name, inner in schema["properties"].items():
            optional = "" if name in schema.get("required", ()) else "optional "
            for place, kind in _fields(inner, root, f"{path}.{name}" if path else name, depth + 1):
                yield place, optional + kind
    elif path or schema.get("type") not in (None, "object"):
        choices = [_kind(_resolved(one, root)) for one in schema.get("anyOf", [schema])]
        yield path or "itself", " or ".join(sorted(choices))


def _kind(schema: Schema) -> str:
    """A type without its descriptions and bounds: those the system enforces itself, by refusing."""
    if "enum" in schema or "const" in schema:
        return f"one of {', '.join(sorted(map(str, schema.get('enum') or [schema['const']])))}"
    kind = schema.get("type", "anything")
    if isinstance(kind, list):
        return " or ".join(sorted(map(str, kind)))
    return f"{kind} ({schema['format']})" if "format" in schema else str(kind)


def _resolved(schema: Schema, root: Schema) -> Schema:
    """Follow references within the document; one that leads nowhere is a field of any kind."""
    for _ in range(DEEPEST):
        reference = schema.get("$ref")
        if not isinstance(reference, str):
            break
        found: Any = root
        for part in reference.removeprefix("#/").split("/"):
            found = found.get(part) if isinstance(found, Mapping) else None
        schema = found if isinstance(found, Mapping) else {}
    return schema
