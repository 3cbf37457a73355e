"""Reading: a plain question about one number, word by word, or not at all."""

from __future__ import annotations

import calendar
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

FIELDS = ("quantity", "by", "peril", "product", "status", "country", "since", "until")
MONTHS = {name.lower(): number for number, name in enumerate(calendar.month_name) if name}
_MONTH = f"({'|'.join(MONTHS)})"
_YEAR = r"(20\d\d)"

MEASURES = (
    (
        r"(?:average|mean) (?:number of )?(?:days|time) (?:from opening )?(?:to|until) (?:the |a )?decision",
        "days_to_decision",
    ),
    (r"how long (?:did|does) it take on average to decide", "days_to_decision"),
    (r"how much (?:money )?(?:did we pay|have we paid|was paid|were we paying)", "amount_paid"),
    (r"(?:total|sum|amount) paid", "amount_paid"),
    (r"how much (?:money )?(?:was claimed|did customers claim)", "amount_claimed"),
    (r"(?:how many|number of) complaints", "complaints"),
    (r"(?:how many|number of)", "claims"),
)
"""What asks for a number; the first that is found counts. `claims` is settled by the verb."""

FILTERS: Mapping[str, Mapping[str, str]] = {
    "peril": {
        "water_damage": r"water[- ]damage", "fire": r"fire(?: damage)?", "storm": r"storm(?: damage)?",
        "theft": r"theft", "glass": r"glass(?: damage)?", "collision": r"collision", "luggage": r"luggage",
        "medical": r"medical", "vet": r"vet", "liability": r"liability",
    },
    "product": {"home": r"home(?: insurance)?", "motor": r"motor(?: insurance)?",
                "travel": r"travel(?: insurance)?", "pet": r"pet(?: insurance)?"},
    "country": {
        "DE": r"(?:in|from) germany", "NL": r"(?:in|from) the netherlands", "FR": r"(?:in|from) france",
        "ES": r"(?:in|from) spain", "AT": r"(?:in|from) austria", "GR": r"(?:in|from) greece",
        "IE": r"(?:in|from) ireland", "FI": r"(?:in|from) finland",
    },
}  # fmt: skip

SPLITS = {
    "month": r"(?:in each|in every|for each|for every|per|by|each|every) month|monthly|month by month",
    "peril": r"(?:for each|per|by|each) (?:peril|cause)",
    "product": r"(?:for each|per|by|each) (?:product|line)",
    "country": r"(?:for each|in each|per|by|each) country",
    "vendor": r"(?:for each|per|by|each) (?:vendor|repairer)",
}

_ASKING = "what was is were are the of for please tell me show us did do we have had"
ASKING = frozenset(_ASKING.split())
"""Words that say nothing about which number is meant."""

WORDS = {
    "claims_opened": {"claims", "opened", "reported", "registered", "filed"},
    "claims_decided": {"claims", "decided"},
    "complaints": {
        "complaints",
        "there",
        "about",
        "receive",
        "received",
        "recorded",
        "made",
        "claims",
        "get",
    },
    "amount_paid": {"claims", "out"},
    "amount_claimed": {"claims", "opened"},
    "days_to_decision": {"claims", "decided"},
}
"""What a question about each number may say besides."""


@dataclass
class _Text:
    """A question, of which what was understood is taken out."""

    rest: str
    read: dict[str, Any] = field(default_factory=lambda: dict.fromkeys(FIELDS))

    def take(self, pattern: str) -> re.Match[str] | None:
        """Take out the first place that fits."""
        found = re.search(rf"(?<![\w-])(?:{pattern})(?![\w-])", self.rest)
        if found:
            self.rest = f"{self.rest[: found.start()]} | {self.rest[found.end() :]}"
        return found


def terms(request: str) -> dict[str, Any] | None:
    """What a plain question asks for, as arguments of `measure`.

    Returns:
        All of `FIELDS`; None where any word remains that isn't understood, or one is ambiguous. A
        question that isn't read here goes to the planner: it is better asked than guessed.
    """
    question = _plain(request)
    if question is None:
        return None
    text = _Text(question)
    _period(text)
    for name, pattern in SPLITS.items():
        if text.take(pattern):
            if text.read["by"]:
                return None
            text.read["by"] = name
    for filtered, patterns in FILTERS.items():
        for value, pattern in patterns.items():
            if text.take(pattern):
                if text.read[filtered]:
                    return None
                text.read[filtered] = value
    text.read["quantity"] = _measure(text)
    return text.read if text.read["quantity"] and _explained(text) else None


def _plain(request: str) -> str | None:
    """The question alone; None where it is about one customer, or comes with documents."""
    head, _, question = request.partition("\n\n")
    if not head.startswith("Customer: "):
        head, question = "", request
    if head not in ("", "Customer: nobody verified") or "<" in question or "\n" in question.strip():
        return None
    return " ".join(re.sub(r"[?!.,]+(?=\s|$)", " ", question.lower()).split())


def _measure(text: _Text) -> str | None:
    name = next((name for pattern, name in MEASURES if text.take(pattern)), None)
    if name == "claims":
        said = set(text.rest.split())
        opened, decided = said & WORDS["claims_opened"] - {"claims"}, "decided" in said
        if "claims" not in said or bool(opened) == decided:
            return None
        return "claims_decided" if decided else "claims_opened"
    return name


def _explained(text: _Text) -> bool:
    """Whether no word is left over, and none is there that would change the meaning."""
    read, said = text.read, set(text.rest.replace("|", " ").split())
    name = read["quantity"]
    if not said <= ASKING | WORDS[name]:
        return False
    of_a_claim = read["peril"] or read["product"]
    if name == "complaints":
        return bool(of_a_claim) or not said & {"claims", "about"}
    if name == "days_to_decision":  # a period without this word could be that of the opening
        return "claims" in said and ("decided" in said or not (read["since"] or read["until"]))
    if name == "amount_paid":  # premiums are paid as well
        return bool(said & {"claims", "out"})
    return "claims" in said


def _period(text: _Text) -> None:
    """Take the first period; a second one stays and is not understood."""
    if found := text.take(rf"(?:between|from) {_MONTH} (?:and|to) {_MONTH} {_YEAR}"):
        _set(text, int(found[3]), MONTHS[found[1]], MONTHS[found[2]])
    elif found := text.take(rf"in the (first|second|third|fourth) quarter of {_YEAR}"):
        first = 3 * ("first", "second", "third", "fourth").index(found[1]) + 1
        _set(text, int(found[2]), first, first + 2)
    elif found := text.take(rf"(?:in|during|for) {_MONTH} {_YEAR}"):
        _set(text, int(found[2]), MONTHS[found[1]], MONTHS[found[1]])
    elif found := text.take(rf"since {_MONTH} {_YEAR}"):
        text.read["since"] = f"{found[2]}-{MONTHS[found[1]]:02d}-01"
    elif found := text.take(rf"(?:in|during|for|of) {_YEAR}"):
        _set(text, int(found[1]), 1, 12)


def _set(text: _Text, year: int, first: int, last: int) -> None:
    text.read["since"] = f"{year}-{first:02d}-01"
    text.read["until"] = f"{year}-{last:02d}-{calendar.monthrange(year, last)[1]}"
