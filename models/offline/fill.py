"""Fill: give every field of a schema a value that the facts bear out, and say what is missing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from models.offline import linking, options, prose, quantities, strings
from models.offline.answer import in_short
from models.offline.facts import Facts, Record
from models.offline.found import Found
from models.offline.schema import Field, Schema, fields
from models.offline.text import stem, words

NEW = "New "
"""How the description of a field begins whose value is no record's yet."""

_CENTS = frozenset(words("cents minor"))
_CONFIDENCE = re.compile(r"^(?:confidence|certainty)(?:_|$)|(?:_|^)(?:confidence|certainty)$")


@dataclass
class Filled:
    """What came of a schema.

    Attributes:
        values: Field → value; what was not found and isn't required is left out.
        missing: Required fields that the facts don't give.
        found: The evidence by field.
    """

    values: dict[str, Any] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    found: dict[str, Found] = field(default_factory=dict)

    @property
    def records(self) -> list[Record]:
        """The records that values were taken from."""
        return [record for found in self.found.values() for record in found.used]


def fill(schema: Schema, facts: Facts, *, about: str = "", root: Schema | None = None) -> Filled:
    """Fill an object schema from facts; nothing is invented.

    Args:
        about: Name and description of the tool that the schema belongs to.
        root: Schema that holds the definitions, where it is another.
    """
    filled = Filled()
    taken: set[tuple[int, int, int]] = set()
    late = sorted(fields(schema, root), key=_order)
    for one in late:
        found: Found | None
        if _CONFIDENCE.search(one.name) and one.kind in ("integer", "number"):
            found = _confidence(one, late, filled)
        else:
            found = _find(one, facts, filled, taken) or _rest(one, late, facts, about)
        if found is not None:
            filled.values[one.name] = found.value
            filled.found[one.name] = found
        elif one.required and one.nullable:
            filled.values[one.name] = None
        elif one.required:
            filled.missing.append(one.name)
    return filled


def _order(one: Field) -> int:
    """Typed fields first, then prose that rests on them, then lists of its sources, then confidence."""
    if _CONFIDENCE.search(one.name):
        return 3
    if one.kind == "array":
        return 2
    return 1 if prose.is_prose(one) else 0


def _find(one: Field, facts: Facts, filled: Filled, taken: set[tuple[int, int, int]]) -> Found | None:
    # What is to be new is no record's, though one has a value of that name: the old one.
    held = None if one.description.startswith(NEW) else linking.by_name(one, facts)
    return held or _typed(one, facts, filled, taken)


def _typed(one: Field, facts: Facts, filled: Filled, taken: set[tuple[int, int, int]]) -> Found | None:
    if one.options:
        return options.choose(one, facts)
    match one.kind:
        case "boolean":
            return quantities.yes_or_no(one, facts)
        case "integer" | "number":
            in_cents = one.kind == "integer" and _CENTS & set(words(one.description))
            return quantities.amount(one, facts) if in_cents else quantities.number(one, facts, taken)
        case "array" if one.items:
            return _list(one, one.items, facts, filled)
        case "object":
            return _object(one, facts)
    return _string(one, facts, filled) if one.kind == "string" else None


def _string(one: Field, facts: Facts, filled: Filled) -> Found | None:
    if one.pattern:
        # People's own words come before records under another name, and those before outsiders' text.
        return (
            strings.identifier(one, facts.told)
            or linking.by_form(one, facts)
            or strings.identifier(one, facts.documents)
        )
    if one.spec.get("format") in ("date", "date-time"):
        return quantities.day(one, facts)
    if prose.is_prose(one):
        return prose.write(one, facts, list(filled.found.values()))
    return strings.value(one, facts)


def _rest(one: Field, all_fields: list[Field], facts: Facts, about: str) -> Found | None:
    """The one plain string that a tool needs is what the request says beyond the tool's own words."""
    plain = [f for f in all_fields if f.required and f.kind == "string" and not (f.options or f.pattern)]
    if about and plain == [one] and not prose.is_prose(one) and not one.spec.get("format"):
        return strings.rest(one, facts, about)
    return None


def _list(one: Field, items: Field, facts: Facts, filled: Filled) -> Found | None:
    if items.options:
        return _several_options(items, facts)
    if items.kind == "object":
        return _quoted(items, facts)
    if cited := _cited(one, facts, filled):
        return cited
    if items.pattern:
        texts = [text[: quantities.MAX_CHARACTERS] for text in facts.texts]
        values = [match[0] for text in texts for match in re.finditer(items.pattern, text)]
        return Found(list(dict.fromkeys(values)), 0.85) if values else None
    written = prose.write(items, facts, []) if prose.is_prose(items) else None
    return Found([written.value], written.strength) if written else None


def _cited(one: Field, facts: Facts, filled: Filled) -> Found | None:
    """Collect the field of the same name (in the singular) from the records that were used."""
    names = {name for record in facts.records for name in record.values if stem(name) == stem(one.name)}
    used = filled.records or [record for record in facts.records if names & set(record.values)][:1]
    values = [record.values[name] for record in used for name in sorted(names) if name in record.values]
    distinct = [value for i, value in enumerate(values) if value not in values[:i]]
    return Found(distinct, linking.COPIED, used=used) if distinct else None


def _quoted(items: Field, facts: Facts) -> Found | None:
    """What each tool found, for a list of objects that have a source and a quote."""
    parts = {one.name: one for one in fields(items.spec, items.root)}
    if set(parts) != {"source", "quote"}:
        return None
    found = [
        {"source": call.name, "quote": quote}
        for call in facts.calls
        if isinstance(call.result, Mapping)
        and parts["quote"].takes(quote := in_short(call.result, call.args))
        and parts["source"].takes(call.name)
    ]
    return Found(found, linking.COPIED) if found else None


def _several_options(items: Field, facts: Facts) -> Found | None:
    """Each sentence of the request may speak for an option of its own."""
    chosen: dict[Any, float] = {}
    for sentence in facts.request[:12]:
        found = options.by_likeness(options.explained(items), [sentence])
        if found and found.strength > 0.65:  # noqa: PLR2004 - clearly ahead of the second
            chosen[found.value] = max(found.strength, chosen.get(found.value, 0.0))
    return Found(list(chosen), min(chosen.values())) if chosen else None


def _object(one: Field, facts: Facts) -> Found | None:
    inner = fill(one.spec, facts, root=one.root)
    if inner.missing or not inner.values:
        return None
    strengths = [found.strength for found in inner.found.values()] or [0.5]
    return Found(inner.values, min(strengths), used=inner.records)


def _confidence(one: Field, all_fields: list[Field], filled: Filled) -> Found:
    """How well the other fields are borne out, the weakest counting as much as all together."""
    judged = [f for f in all_fields if not _CONFIDENCE.search(f.name)]
    strengths = [
        filled.found[f.name].strength for f in judged if f.name in filled.found and not prose.is_prose(f)
    ]
    strengths += [0.0 for f in judged if f.name in filled.missing]
    share = (sum(strengths) / len(strengths) + min(strengths)) / 2 if strengths else 0.0
    top = one.spec.get("maximum", 1 if one.kind == "number" else 100)
    value = round(share * top, 2) if one.kind == "number" else round(share * top)
    return Found(value, 1.0)
