"""Options: which of the listed values the records or the request speak for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from models.examples import KEYWORD, embedded, named
from models.offline.facts import HANDOFF, Facts
from models.offline.found import Found, by_margin
from models.offline.learned import classifier
from models.offline.schema import Field
from models.offline.text import NEGATIONS, WAIVED, shortlist, similarities, stem, words

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEAST = 0.15
"""Cosine below which a request says nothing about the options."""

WHOLE = 0.6
"""Weight of the whole request beside its most telling sentence."""

SHARED_WORD = 0.05
"""What a word that the request shares with an option's explanation adds; at most three count."""


@dataclass(frozen=True)
class Option:
    """A listed value with what the description says about it."""

    value: Any
    explanation: str
    examples: Sequence[str]

    @property
    def prototypes(self) -> list[str]:
        """Phrases that stand for it: the explanation whole and in parts, and the examples."""
        name = str(self.value).removeprefix(HANDOFF).replace("_", " ")
        parts = [part.strip() for part in re.split(r",|;|\bor\b|\band\b", self.explanation)]
        whole = f"{name}: {self.explanation}" if self.explanation else name
        return [whole, *self.examples, *filter(None, parts)]


def explained(field: Field) -> list[Option]:
    """Read lines such as `- option: explanation, e.g. example; example` out of the description."""
    return [_explain(option, field.description) for option in field.options]


def _explain(value: Any, description: str) -> Option:
    line = re.search(
        rf"^\s*[-*]\s*[`'\"]?{re.escape(str(value))}[`'\"]?\s*[:=-]\s*(.+)$", description, re.MULTILINE
    )
    if not line:
        return Option(value, "", [])
    explanation, _, examples = line[1].partition("e.g.")
    return Option(
        value, explanation.strip(" ,;:"), [e.strip(" .,") for e in examples.split(";") if e.strip(" .,")]
    )


def choose(field: Field, facts: Facts) -> Found | None:
    """Choose an option: by what the records say about its conditions, else by what the request is like."""
    options = explained(field)
    return (
        by_conditions(options, facts)
        or by_order(field, facts)
        or by_label(field, facts)
        or by_examples(field, facts)
        or by_likeness(options, facts.request)
    )


def by_examples(field: Field, facts: Facts) -> Found | None:
    """Choose what is likeliest by the labelled examples that the schema names, if they have these options."""
    examples = named(field.spec.get(KEYWORD, ""))
    said = facts.request or facts.texts
    if examples is None or examples.texts.keys() != set(field.options) or not said:
        return None
    likely = classifier(examples).likelihoods(" ".join(said), embedded(said))
    best = max(likely, key=lambda label: likely[label])
    return Found(best, likely[best], quote=said[0])


def by_order(field: Field, facts: Facts) -> Found | None:
    """Take the option that the job names without a condition, such as "a note of kind complaint"."""
    ordered = [
        option
        for option in field.options
        if re.search(
            rf"\b{re.escape(field.name)} {re.escape(str(option))}\b(?! (?:if|where|when)\b)", facts.job
        )
    ]
    return Found(ordered[0], 0.97, quote=f"{field.name} {ordered[0]}") if len(ordered) == 1 else None


def by_label(field: Field, facts: Facts) -> Found | None:
    """A line such as `Kind: complaint` settles it."""
    for text in facts.texts:
        for option in field.options:
            name = re.escape(field.name).replace("_", "[ _]")
            value = re.escape(str(option)).replace("_", "[ _]")
            line = re.search(rf"^\s*{name}\s*[:=]\s*{value}\s*$", text, re.MULTILINE | re.IGNORECASE)
            if line:
                return Found(option, 0.95, quote=line[0].strip())
    return None


def by_conditions(options: Sequence[Option], facts: Facts) -> Found | None:
    """Take the only option whose explanation is true of the records ("the loss is not covered")."""
    known = _known(facts)
    held = [(option, _holds(option.explanation, known)) for option in options]
    true = [option for option, holds in held if holds]
    if len(true) == 1 and sum(holds is not None for _, holds in held) == len(options):
        return Found(true[0].value, 0.95, quote=true[0].explanation)
    return None


def _known(facts: Facts) -> dict[str, bool]:
    """Stem of a field's name → whether it is so (a number: whether there is any), most recent first."""
    known: dict[str, bool] = {}
    for record in facts.records:
        for name, value in record.values.items():
            stems = words(name)
            if isinstance(value, bool | int) and len(stems) == 1:
                known.setdefault(stems[0], bool(value))
    return known


def _holds(explanation: str, known: Mapping[str, bool]) -> bool | None:
    """Whether one alternative ("… or …") has only true parts ("… and …"); None if it names no fact."""
    alternatives = []
    for alternative in re.split(r"\bor\b|;", explanation):
        parts = [_part(part, known) for part in re.split(r"\band\b|\bbut\b|,", alternative)]
        judged = [part for part in parts if part is not None]
        alternatives += [all(judged)] if judged else []
    return any(alternatives) if alternatives else None


def _part(part: str, known: Mapping[str, bool]) -> bool | None:
    spoken = re.findall(r"[\w']+", part.lower())
    named = [known[stem(word)] for word in spoken if stem(word) in known]
    if not named:
        return None
    return named[0] is not any(word in NEGATIONS for word in spoken)


def by_likeness(options: Sequence[Option], request: Sequence[str]) -> Found | None:
    """Compare every sentence of the request with what stands for each option."""
    if not options or not request:
        return None
    if len(options) == 1:
        return Found(options[0].value, 0.9)
    meant = [line for line in request if not WAIVED.search(line)] or request
    texts = shortlist(" ".join(p for option in options for p in option.prototypes), meant)
    whole = " ".join(texts)
    table = np.stack([_closeness(option, [*texts, whole]) for option in options])
    said = set(words(whole))
    shared = [SHARED_WORD * min(3, len(said & set(words(" ".join(o.prototypes))))) for o in options]
    scores = (1 - WHOLE) * table[:, :-1].max(axis=1) + WHOLE * table[:, -1] + np.array(shared)
    order = scores.argsort()[::-1]
    best, second = int(order[0]), int(order[1])
    if table[best].max() < LEAST:
        return None
    strength = by_margin(float(scores[best]), float(scores[second]), scale=0.3)
    return Found(options[best].value, strength, quote=texts[int(table[best, :-1].argmax())])


def _closeness(option: Option, texts: Sequence[str]) -> NDArray[np.float32]:
    """Cosine of each text with the option's best phrase, averaged with that of the best two."""
    cosines = np.sort(similarities(option.prototypes, texts), axis=0)[::-1]
    return np.asarray((cosines[0] + cosines[:2].mean(axis=0)) / 2)
