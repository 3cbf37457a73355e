"""Linking: values that records hold already, found by field name or by form."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from models.offline.facts import Facts, Record
from models.offline.found import Found
from models.offline.schema import Field
from models.offline.text import words

COPIED = 0.98
LINKED = 0.9
GENERIC = frozenset(words("id number name value code key no"))


def by_name(field: Field, facts: Facts) -> Found | None:
    """Copy the value of the same name from the most recent record that has it.

    Of several items of one list the one that the request mentions is taken; where it mentions none
    of them and they differ, the value stays unknown.
    """
    holders = [r for r in facts.records if field.name in r.values and field.takes(r.values[field.name])]
    if not holders:
        return None
    first = holders[0]
    if first.siblings == 1:
        return Found(first.values[field.name], COPIED, used=[first])
    siblings = [r for r in holders if r.source == first.source and r.siblings > 1]
    return _mentioned(field.name, siblings, facts)


def by_form(field: Field, facts: Facts) -> Found | None:
    """Link an identifier under another name: its pattern fits, and name or source share a word."""
    pattern = field.spec.get("pattern")
    if not pattern:
        return None
    topic = set(words(field.name)) - GENERIC
    matches = [
        (record, value)
        for record in facts.records
        for name, value in record.values.items()
        if isinstance(value, str)
        and re.search(pattern, value)
        and field.takes(value)
        and topic & set(words(f"{record.source} {name}"))
    ]
    if matches and (matches[0][0].siblings == 1 or len({value for _, value in matches}) == 1):
        return Found(matches[0][1], LINKED, used=[matches[0][0]])
    return None


def _mentioned(name: str, siblings: Sequence[Record], facts: Facts) -> Found | None:
    if len({str(record.values[name]) for record in siblings}) == 1:
        return Found(siblings[0].values[name], COPIED, used=siblings[:1])
    text = "\n".join(facts.texts).lower()
    scores = [sum(_in_text(value, text) for value in record.values.values()) for record in siblings]
    best = max(scores)
    if best and scores.count(best) == 1:
        record = siblings[scores.index(best)]
        return Found(record.values[name], LINKED, used=[record])
    return None


def _in_text(value: Any, text: str) -> bool:
    if isinstance(value, bool) or not isinstance(value, str | int) or len(str(value)) < 3:  # noqa: PLR2004 - letters
        return False
    return re.search(rf"(?<!\w){re.escape(str(value).lower().replace('_', ' '))}(?!\w)", text) is not None
