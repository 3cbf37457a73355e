"""Grounding: whether an answer's figures stand in its sources, and whether results contradict each other."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

_DATE = re.compile(r"\b\d{4}-\d{2}-\d{2}\b")
_ID = re.compile(r"\b[A-Z]{1,4}-\d{4,}\b")
_TOKEN = re.compile(r"<[a-z_]+:[0-9a-f]{12}>")
_NUMBER = re.compile(r"(?<![\w.,-])\d+(?:[.,]\d+)*(?![\w-])")
_QUOTED = re.compile(r"[“\"]([^“”\"]{8,})[”\"]")
_FORMS = (_DATE, _ID, _NUMBER)


@lru_cache(4096)
def stated(text: str) -> set[str]:
    """What of a text can be looked up: its dates, ids, numbers and quotations; tokens can't."""
    left, found = _TOKEN.sub(" ", text), set()
    for form in _FORMS:
        found |= {_plain(each) for each in form.findall(left)}
        left = form.sub(" ", left)
    return found | {" ".join(quote.lower().split()) for quote in _QUOTED.findall(text)}


def unborne(answer: str, sources: Iterable[Any]) -> list[str]:
    """What an answer states that stands in none of its sources; cents there are euros as well.

    Args:
        sources: Texts, and values of records.
    """
    texts, known = [], set[str]()
    for source in sources:
        if isinstance(source, int) and not isinstance(source, bool):
            known |= {str(source), _plain(f"{source / 100:.2f}")}
        else:
            texts.append(" ".join(str(source).lower().split()))
            known |= stated(str(source))
    return sorted(each for each in stated(answer) - known if not any(each in text for text in texts))


def borne(answer: str, sources: Iterable[Any]) -> float | None:
    """Share of what an answer states that its sources bear out; None where it states nothing."""
    said = stated(answer)
    return 1 - len(unborne(answer, sources)) / len(said) if said else None


def contradictions(results: Iterable[Mapping[str, Any]], about: Sequence[str]) -> list[str]:
    """Fields that steps of one chain, or the record that they end in, give different values.

    Args:
        about: The fields that mean the same in all of them.
    """
    values = defaultdict[str, list[str]](list)
    for result in results:
        for name in about:
            if result.get(name) is not None and str(result[name]) not in values[name]:
                values[name].append(str(result[name]))
    return [f"{name} is {' and '.join(said)}" for name, said in values.items() if len(said) > 1]


def _plain(number: str) -> str:
    """Numbers as they compare: no thousands' separators, no decimals that say nothing."""
    if not re.fullmatch(r"\d[\d.,]*", number):
        return number
    whole, decimals = re.fullmatch(r"([\d.,]*?\d)(?:[.,](\d{2}))?", number).groups()  # type: ignore[union-attr]
    digits = re.sub(r"[.,]", "", whole)
    return digits if decimals in (None, "00") else f"{digits}.{decimals}"
