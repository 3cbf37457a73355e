"""Schema: the fields of a JSON schema, with references and nullability resolved."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from models.offline.text import words

Schema = Mapping[str, Any]


@dataclass(frozen=True)
class Field:
    """One property of an object.

    Attributes:
        kind: JSON type; `string` where the schema says nothing.
        spec: The property's schema, resolved.
        root: The schema that holds the definitions.
    """

    name: str
    kind: str
    description: str
    required: bool
    nullable: bool
    spec: Schema
    root: Schema

    @cached_property
    def options(self) -> list[Any]:
        """The values it may have, where they are listed."""
        if "const" in self.spec:
            return [self.spec["const"]]
        return [option for option in self.spec.get("enum", []) if option is not None]

    @cached_property
    def pattern(self) -> str | None:
        """Its pattern, searchable in running text: anchors become word borders."""
        pattern = self.spec.get("pattern")
        if not pattern:
            return None
        inner = re.sub(r"^\^|\\A", "", re.sub(r"(?<!\\)\$$|\\Z", "", pattern))
        return rf"(?<![\w-])(?:{inner})(?![\w-])"

    @cached_property
    def label(self) -> list[str]:
        """Stems of the words that its name and description are made of."""
        return list(dict.fromkeys(words(f"{self.name} {self.description}")))

    @cached_property
    def items(self) -> Field | None:
        """What an array holds."""
        spec = self.spec.get("items")
        return field(self.name, spec, self.root, required=True, about=self.description) if spec else None

    def takes(self, value: Any) -> bool:
        """Whether a value fits type, options, pattern and bounds."""
        if value is None:
            return self.nullable
        if self.options:
            return value in self.options
        return _KINDS.get(self.kind, _anything)(value) and self._within(value)

    def _within(self, value: Any) -> bool:
        if isinstance(value, str):
            pattern = self.spec.get("pattern")
            long_enough = (
                self.spec.get("minLength", 0) <= len(value) <= self.spec.get("maxLength", len(value))
            )
            formatted = self.spec.get("format") != "date" or bool(re.fullmatch(r"\d{4}-\d{2}-\d{2}", value))
            return long_enough and formatted and (not pattern or bool(re.search(pattern, value)))
        if isinstance(value, int | float) and not isinstance(value, bool):
            low, high = self.spec.get("minimum", value), self.spec.get("maximum", value)
            above, below = self.spec.get("exclusiveMinimum"), self.spec.get("exclusiveMaximum")
            inside = bool(low <= value <= high)
            return inside and (above is None or value > above) and (below is None or value < below)
        return True


def _anything(_value: Any) -> bool:
    return True


_KINDS = {
    "string": lambda v: isinstance(v, str),
    "integer": lambda v: isinstance(v, int) and not isinstance(v, bool),
    "number": lambda v: isinstance(v, int | float) and not isinstance(v, bool),
    "boolean": lambda v: isinstance(v, bool),
    "array": lambda v: isinstance(v, list),
    "object": lambda v: isinstance(v, dict),
}


def fields(schema: Schema, root: Schema | None = None) -> list[Field]:
    """List the properties of an object schema."""
    root = root or schema
    resolved = _resolve(schema, root)
    required = set(resolved.get("required", ()))
    return [
        field(name, spec, root, required=name in required)
        for name, spec in resolved.get("properties", {}).items()
    ]


def field(name: str, spec: Schema, root: Schema, *, required: bool, about: str = "") -> Field:
    """Resolve one property."""
    outer = spec
    parts = spec.get("anyOf") or spec.get("oneOf") or spec.get("allOf") or [spec]
    kinds = [_resolve(part, root) for part in parts]
    nullable = any(kind.get("type") == "null" for kind in kinds)
    inner = next((kind for kind in kinds if kind.get("type") != "null"), {})
    kind = inner.get("type", "string")
    if isinstance(kind, list):
        nullable = nullable or "null" in kind
        kind = next((one for one in kind if one != "null"), "string")
    if "properties" in inner:
        kind = "object"
    merged = {
        **inner,
        **{key: value for key, value in outer.items() if key not in ("anyOf", "oneOf", "allOf", "$ref")},
    }
    merged["type"] = kind
    described = outer.get("description") or inner.get("description") or about
    return Field(name, kind, str(described), required, nullable, merged, root)


def _resolve(spec: Schema, root: Schema) -> Schema:
    seen = 0
    while "$ref" in spec and seen < 20:  # noqa: PLR2004 - a chain of references ends long before
        target: Any = root
        for part in str(spec["$ref"]).removeprefix("#/").split("/"):
            target = target.get(part, {})
        spec, seen = {**target, **{k: v for k, v in spec.items() if k != "$ref"}}, seen + 1
    return spec
