"""Prose: summaries, reasons and answers out of sentences that stand in the request or the records."""

from __future__ import annotations

from collections.abc import Sequence

from models.offline.facts import Facts, Record
from models.offline.found import Found
from models.offline.schema import Field
from models.offline.text import extract, stem, words

PROSE = frozenset(
    words(
        "summary reason rationale text answer question query message description explanation note body "
        "content comment justification quote story statement complaint details request topic search"
    )
)
_REASONS = frozenset(words("reason rationale justification explanation why"))
_ANSWERS = frozenset(words("answer response reply"))
_LONG = frozenset(words("text note body message content complaint details"))
WHOLE = 700
"""Characters up to which a note quotes the request as a whole."""

ANSWERS_AT = 0.3
"""Cosine that a passage's sentence needs to count as an answer."""


def is_prose(field: Field) -> bool:
    """Whether a field is meant for sentences."""
    free = not (field.options or field.pattern or field.spec.get("format"))
    return field.kind == "string" and free and bool(PROSE & set(field.label))


def write(field: Field, facts: Facts, filled: Sequence[Found]) -> Found | None:
    """Write sentences into a field, all of them taken from the request, the records or the evidence."""
    name = {stem(word) for word in field.name.lower().split("_")}
    if name & _REASONS and (reason := _reason(field, filled)):
        return reason
    if name & _ANSWERS and facts.records:
        return _answer(field, facts)
    whole = " ".join(facts.request)
    if name & _LONG and len(whole) <= WHOLE:
        return _fit(field, whole, 0.9) if whole else None
    most = 4 if name & _LONG else 2
    query = f"{field.description or field.name} {facts.job[:200]}" if not name & _ANSWERS else whole
    chosen = extract(query, facts.request, most=most, spread=0.2, least=-1.0)
    return _joined(field, chosen, [])


def _reason(field: Field, filled: Sequence[Found]) -> Found | None:
    """The evidence for what was filled in before."""
    quotes = [found for found in filled if found.quote and not isinstance(found.value, list | dict)]
    if quotes:
        best = quotes[0]
        text = f"{str(best.value).replace('_', ' ')}: {best.quote}"
        return _fit(field, text, best.strength)
    copied = [record for found in filled for record in found.used]
    if copied:
        plain = {
            k: v for k, v in copied[0].values.items() if not isinstance(v, dict | list) and v is not None
        }
        return _fit(field, f"{copied[0].source}: " + ", ".join(f"{k} {v}" for k, v in plain.items()), 0.7)
    return None


def _answer(field: Field, facts: Facts) -> Found | None:
    """Sentences of the passages that speak to the question."""
    homes: dict[str, Record] = {}
    for sentence, record in facts.prose:
        homes.setdefault(sentence, record)
    chosen = extract(" ".join(facts.request), list(homes), most=3, spread=0.25, least=ANSWERS_AT)
    return _joined(field, chosen, [homes[sentence] for sentence, _ in chosen])


def _joined(field: Field, chosen: Sequence[tuple[str, float]], used: list[Record]) -> Found | None:
    if not chosen:
        return None
    sure = min(0.95, 0.35 + max(cosine for _, cosine in chosen))
    found = _fit(field, " ".join(sentence for sentence, _ in chosen), sure)
    return Found(found.value, found.strength, used=used) if found else None


def _fit(field: Field, text: str, strength: float) -> Found | None:
    """Cut at a word so that the text is as short as the schema wants it."""
    limit = field.spec.get("maxLength")
    if limit and len(text) > limit:
        text = text[: limit - 1].rsplit(" ", 1)[0] + "…"
    return Found(text, strength) if field.takes(text) else None
