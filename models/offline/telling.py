"""Telling: the records, and the fields of them, that a question is about, in a few words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from models.offline.facts import PROSE
from models.offline.text import similarities, words

MAX_RECORDS = 5
MAX_FIELDS = 3

LEAST = 0.3
"""Score from which a field is about the question."""

BESIDE = 0.12
"""How far below the best field another one may be and is still told."""

STATES = ("status", "state")
"""Fields that tell where a record stands: told where the question's words pick no record."""

NAMED = 0.4
"""What a word adds that the question shares with a field's name, or with what its token stands for."""

FITS = 0.2
"""What it adds that a field holds what the question word asks for: a date, a number."""

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}|\d{1,2}:\d{2}")
_NUMBER = re.compile(r"[A-Z]{1,5}-\d+")
_TOKEN = re.compile(r"<(\w+):\w+>")
_WHEN = re.compile(r"\b(?:when|until|since|which day|what date|what day)\b", re.IGNORECASE)
_AMOUNT = re.compile(r"\b(?:how (?:much|many|often|high|long)|amount|sum|owe|cost)\b", re.IGNORECASE)
_CENTS = re.compile(r"((?:`\w+`(?:,| and| or)? ?)+)(?:(?:is|are) )?in ([A-Z]{3}) cents")

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Money:
    """Which fields are money, as a tool's description says ("`amount` in EUR cents")."""

    fields: frozenset[str] = frozenset()
    currency: str = ""

    @classmethod
    def told_by(cls, description: str) -> Money:
        """Read it out of a description."""
        found = _CENTS.search(description)
        return cls(frozenset(re.findall(r"`(\w+)`", found[1])), found[2]) if found else cls()

    def write(self, name: str, value: Any) -> str:
        """A value in words."""
        if name in self.fields and isinstance(value, int):
            return f"{value / 100:,.2f} {self.currency}"
        return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def told(question: str, result: Any, known: Mapping[str, Any], money: Money) -> str:
    """What of a result the question is about; empty where it holds no record.

    Args:
        known: What the tool was called with, which needs no telling.
    """
    rows = list(_rows(result))
    about = _about(question, rows)
    if not about:
        return ""
    names = _fields(question, about, known)
    if 1 < len(rows) == len(about):
        names += [name for name in STATES if name in about[0] and name not in names]
    lines = list(dict.fromkeys(filter(None, (_line(row, names, known, money) for row in about))))
    more = f"; and {len(lines) - MAX_RECORDS} more" if len(lines) > MAX_RECORDS else ""
    return "; ".join(lines[:MAX_RECORDS]) + more


def _rows(result: Any) -> Iterator[Row]:
    """Records of a result, and those inside of one."""
    for record in result if isinstance(result, list) else [result]:
        if isinstance(record, Mapping):
            yield record
            for inner in record.values():
                yield from _rows(inner) if isinstance(inner, list) else ()


def _about(question: str, rows: Sequence[Row]) -> list[Row]:
    """The rows whose values share most words with the question."""
    asked = set(words(question))
    scores = [len(asked & set(words(" ".join(_texts(row))))) for row in rows]
    best = max(scores, default=0)
    return [row for row, score in zip(rows, scores, strict=True) if score == best]


def _texts(row: Row) -> list[str]:
    return [value for value in row.values() if isinstance(value, str)]


def _plain(row: Row, known: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value
        for name, value in row.items()
        if value not in (None, "") and not isinstance(value, dict | list) and known.get(name) != value
        if len(str(value)) < PROSE
    }


def _fields(question: str, rows: Sequence[Row], known: Mapping[str, Any]) -> list[str]:
    """Names of the fields that the question is about, best first; the first ones where none is."""
    samples: dict[str, Any] = {}
    for row in rows:
        for name, value in _plain(row, known).items():
            samples.setdefault(name, value)
    names = [name for name in samples if not _NUMBER.fullmatch(str(samples[name]))]
    if not names:
        return list(samples)[:1]
    asked = set(words(question))
    cosines = similarities([question], [f"{_label(name, samples[name])}" for name in names])[0]
    scores = {
        name: float(cosine)
        + NAMED * bool(asked & set(words(_label(name, samples[name]))))
        + FITS * _fits(question, samples[name])
        for name, cosine in zip(names, cosines, strict=True)
    }
    best = max(scores.values())
    chosen = [name for name in names if scores[name] >= max(LEAST, best - BESIDE)]
    return chosen[:MAX_FIELDS] or names[:MAX_FIELDS]


def _label(name: str, value: Any) -> str:
    """A field's name in words; with the kind of personal value that its token stands for."""
    token = _TOKEN.match(value) if isinstance(value, str) else None
    return f"{name} {token[1] if token else ''}".replace("_", " ").strip()


def _fits(question: str, value: Any) -> bool:
    if _WHEN.search(question):
        return isinstance(value, str) and bool(_DATE.match(value))
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and bool(_AMOUNT.search(question))


def _line(row: Row, names: Sequence[str], known: Mapping[str, Any], money: Money) -> str:
    plain = _plain(row, known)
    number = next((value for value in _texts(row) if _NUMBER.fullmatch(value)), "")
    number = "" if number in known.values() else number
    said = [f"{name.replace('_', ' ')} {money.write(name, plain[name])}" for name in names if name in plain]
    return ", ".join(filter(None, [number, *(text for text in said if number not in text or not number)]))
