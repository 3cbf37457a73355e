"""Masking: find what is personal in a text and put tokens in its place."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from governance.acts import Json
from governance.detect import LOOKALIKE, TOKEN, Finding, find_personal
from governance.spellings import find_seeds


@dataclass(slots=True)
class Masked:
    """What masking needs, and what it has found so far.

    Attributes:
        name: Kind and value → token.
        known: Tokens in the text that are real; all others are made up.
        seeds: Values that are known to be personal → their kind.
        values: Token → kind and value, for each value replaced.
    """

    name: Callable[[str, str], str]
    known: AbstractSet[str]
    seeds: Mapping[str, str]
    values: dict[str, tuple[str, str]] = field(default_factory=dict)


def mask(text: str, done: Masked) -> str:
    """The text with tokens for what is personal in it."""
    text = _disarmed(text, done.known)
    parts, end = [], 0
    for token in TOKEN.finditer(text):
        parts += [_mask_plain(text[end : token.start()], done), token[0]]
        end = token.end()
    return "".join([*parts, _mask_plain(text[end:], done)])


def strings(value: Json) -> Iterator[str]:
    """Every string in a JSON value, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from strings(key)
            yield from strings(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from strings(item)


def walk(value: Json, change: Callable[[str], str]) -> Json:
    """The JSON value with every string changed, keys included."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {walk(key, change): walk(item, change) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [walk(item, change) for item in value]
    return value


def _disarmed(text: str, known: AbstractSet[str]) -> str:
    """Take the angle brackets from what looks like a token and is none."""

    def disarm(match: re.Match[str]) -> str:
        return match[0] if match[0] in known else f"({match[0][1:-1]})"

    # One inside another shows only when the inner one is disarmed; their length bounds how deep.
    while (changed := LOOKALIKE.sub(disarm, text)) != text:
        text = changed
    return text


def _mask_plain(text: str, done: Masked) -> str:
    findings = _found(text, done.seeds) if text.strip() else []
    if not findings:
        return text
    parts, end = [], 0
    for found in findings:
        token = done.name(found.kind, found.value)
        done.values.setdefault(token, (found.kind, found.value))
        # What lost against a longer finding may have left a part that is personal by itself.
        parts += [_mask_plain(text[end : found.start], done), token]
        end = found.end
    return "".join([*parts, _mask_plain(text[end:], done)])


def _found(text: str, seeds: Mapping[str, str]) -> list[Finding]:
    """What to replace, in order: a form may hold known values whole, as an e-mail address holds a name."""
    known = _apart(find_seeds(text, seeds))
    forms = [
        found for found in find_personal(text) if not (_cut(known, found.start) or _cut(known, found.end))
    ]
    return _apart([*known, *forms])


def _cut(known: list[Finding], position: int) -> bool:
    """Whether a position is within a known value."""
    place = bisect_left(known, position, key=lambda found: found.start)
    return place > 0 and position < known[place - 1].end


def _apart(findings: list[Finding]) -> list[Finding]:
    """Findings that don't overlap, in order: the longest win."""
    chosen: list[Finding] = []
    for found in sorted(findings, key=lambda found: (found.start - found.end, found.start)):
        place = bisect_right(chosen, found.start, key=lambda other: other.start)
        clear_before = place == 0 or chosen[place - 1].end <= found.start
        if clear_before and (place == len(chosen) or found.end <= chosen[place].start):
            chosen.insert(place, found)
    return chosen
