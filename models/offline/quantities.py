"""Quantities: which of the numbers, amounts and dates in the text a field means."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from models.offline.dates import find_dates
from models.offline.facts import Facts
from models.offline.found import Found, by_margin
from models.offline.money import find_amounts
from models.offline.schema import Field
from models.offline.text import near, sentences, similarities, stem, words

Candidate = tuple[Any, int, int]
"""Value, start, end."""

_NOT = re.compile(r"\b(?:not|no|never|without)\b|n['\u2019]t\b")
MAX_CHARACTERS = 200_000
MAX_JUDGED = 24
"""Candidates of one text that are weighed; the first ones."""

_MONEY_WORDS = frozenset(words("integer cents money amount minor units eur euro currency"))
_DATE_WORDS = frozenset(words("date day yyyy mm dd iso format"))
_TOTAL = frozenset(words("total sum overall altogether gesamt gesamtbetrag due payable grand"))
_RIVAL_MONEY = frozenset(
    words(
        "deductible excess premium vat tax net subtotal deposit limit discount fee per each hour unit share"
    )
)
_RIVAL_DATES = frozenset(
    words(
        "date invoice dated issued born birth due until since start begin letter sent received signed valid "
        "printed today"
    )
)
_REFERENCE = re.compile(r"\b[A-Z]{2,4}-\d+\b")
_PLACE = re.compile(r"\s*(?:[^\W\d_][\w.'\u2019-]*(?: [\w.'\u2019-]+){0,2}, ?)?(?:(?:the|den|le|el) )?")
_BESIDE = 0.5
"""What it adds to an amount that a number on record stands beside it: it is what that is about."""

_RELATED = 1.2
"""Weight of a sentence being about what the description says."""


def amount(field: Field, facts: Facts) -> Found | None:
    """Find an amount of money in integer cents."""
    label = [word for word in field.label if word not in _MONEY_WORDS]
    wants_total = bool(_TOTAL & set(label)) or not (_RIVAL_MONEY & set(label))

    def candidates(text: str) -> list[Candidate]:
        found = find_amounts(text)
        sure = [a for a in found if a.currency or _is_beside(text, a.start, a.end)] or found
        return [(a.cents, a.start, a.end) for a in sure]

    def score(text: str, candidate: Candidate) -> float:
        _, start, end = candidate
        value = near(text, start, end, label)
        value -= 1.5 * near(text, start, end, [w for w in _RIVAL_MONEY if w not in label], reach=30)
        value += 0.8 * near(text, start, end, list(_TOTAL)) if wants_total else 0.0
        value += _BESIDE * _is_beside(text, start, end)
        return value - (1.0 if _denied(text, end) else 0.0)

    return _best(field, facts.texts, candidates, score, prefer_large=wants_total)


def _is_beside(text: str, start: int, end: int) -> bool:
    """Whether a number on record stands beside a place."""
    return _REFERENCE.search(text[max(0, start - 40) : end + 40]) is not None


def _denied(text: str, end: int) -> bool:
    """Whether the rest of the sentence takes the amount back ("… 240.00 EUR, which I do not claim")."""
    rest = re.split(r"[.!?;](?:\s|$)|\n\s*\n", text[end : end + 80])[0]
    return bool(_NOT.search(rest.lower()))


def day(field: Field, facts: Facts) -> Found | None:
    """Find a date, as `YYYY-MM-DD`."""
    label = [word for word in field.label if word not in _DATE_WORDS]
    rivals = [word for word in _RIVAL_DATES if word not in label]

    def candidates(text: str) -> list[Candidate]:
        return [(d.value, d.start, d.end) for d in find_dates(text)]

    def score(text: str, candidate: Candidate) -> float:
        _, start, end = candidate
        rival = near(text, start, end, rivals, reach=25) + _is_dateline(text, start, end)
        return near(text, start, end, label) - rival

    found = _best(field, facts.texts, candidates, score)
    if found and isinstance(found.value, date):
        return Found(found.value.isoformat(), found.strength, found.quote)
    return None


def _is_dateline(text: str, start: int, end: int) -> bool:
    """Whether a date stands where letters have theirs: alone on a line, or behind nothing but a place."""
    line_end = text.find("\n", end)
    after = text[end : line_end if line_end >= 0 else len(text)].strip(" .\r")
    return not after and _PLACE.fullmatch(text[text.rfind("\n", 0, start) + 1 : start]) is not None


_NUMBER = re.compile(r"(?<![\w.,/:#<-])-?\d{1,15}(?:\.\d+)?(?![\w/:-]|[.,]\d)")


def number(field: Field, facts: Facts, taken: set[tuple[int, int, int]]) -> Found | None:
    """Find a plain number: the one beside the field's words, else the first that no field has yet."""
    for index, text in enumerate(facts.texts):
        busy = [(a.start, a.end) for a in find_amounts(text) if a.currency]
        busy += [(d.start, d.end) for d in find_dates(text)]
        found = [
            (_number(match[0], field), *match.span())
            for match in _NUMBER.finditer(text[:MAX_CHARACTERS])
            if not any(match.start() < end and start < match.end() for start, end in busy)
        ]
        free = [c for c in found if field.takes(c[0]) and (index, c[1], c[2]) not in taken][:MAX_JUDGED]
        if not free:
            continue
        scores = [near(text, start, end, field.label, reach=30) for _, start, end in free]
        best = max(range(len(free)), key=lambda i: (scores[i], -i))
        if scores[best] == 0 and not field.required:
            continue
        taken.add((index, free[best][1], free[best][2]))
        return Found(free[best][0], 0.85 if scores[best] > 0 or len(free) == 1 else 0.5)
    return None


def _number(text: str, field: Field) -> int | float:
    value = float(text)
    return int(value) if field.kind == "integer" and value.is_integer() else value


def yes_or_no(field: Field, facts: Facts) -> Found | None:
    """Find a plain yes or no: a labelled line, or a statement that has the name's words in it."""
    wanted = set(words(field.name))
    for sentence in (s for text in facts.texts for s in sentences(text[:MAX_CHARACTERS])):
        label = re.match(r"^([\w /-]{2,40}?)\s*[:=?]\s*(yes|no|true|false)\b", sentence, re.IGNORECASE)
        if label and wanted <= set(words(label[1])):
            return Found(label[2].lower() in ("yes", "true"), 0.95, sentence)
    for sentence in facts.request:
        if re.search(r'[{}\[\]"]', sentence):
            continue  # code or JSON states nothing
        spoken = [stem(word) for word in re.findall(r"[\w']+", sentence.lower())]
        if wanted and wanted <= set(spoken) and not sentence.endswith("?"):
            negated = bool(_NOT.search(sentence.lower()))
            return Found(not negated, 0.65, sentence)
    return None


def _best(
    field: Field,
    texts: Sequence[str],
    candidates: Callable[[str], list[Candidate]],
    score: Callable[[str, Candidate], float],
    *,
    prefer_large: bool = False,
) -> Found | None:
    """Weigh the candidates of all texts; equal values support each other."""
    weighed: dict[Any, tuple[float, str]] = {}
    for text in (text[:MAX_CHARACTERS] for text in texts):
        fitting = [c for c in candidates(text) if field.takes(_json(c[0]))]
        for candidate in fitting[:MAX_JUDGED]:
            quote = _around(text, candidate[1], candidate[2])
            value = score(text, candidate) + _RELATED * float(similarities([_about(field)], [quote])[0, 0])
            known, where = weighed.get(candidate[0], (-10.0, quote))
            weighed[candidate[0]] = (max(known, value), quote if value > known else where)
    if not weighed:
        return None
    largest = max(weighed) if prefer_large else None
    ranked = sorted(
        ((points + (0.3 if value == largest else 0.0), value) for value, (points, _) in weighed.items()),
        key=lambda pair: -pair[0],
    )
    best = ranked[0][1]
    strength = 0.95 if len(ranked) == 1 else by_margin(ranked[0][0], ranked[1][0], scale=1.5)
    return Found(best, strength, weighed[best][1])


def _json(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def _about(field: Field) -> str:
    return f"{field.name.replace('_', ' ')}: {field.description}"


def _around(text: str, start: int, end: int) -> str:
    """The sentence that a place stands in."""
    left, right = max(0, start - 300), min(len(text), end + 300)
    piece, where = text[left:right], start - left
    for sentence in sentences(piece):
        position = piece.find(sentence)
        if position >= 0 and position <= where < position + len(sentence):
            return sentence
    return text[max(0, start - 80) : end + 80]
