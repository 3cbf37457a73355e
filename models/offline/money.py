"""Money: amounts as people write them, in integer cents."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Amount:
    """An amount found in a text.

    Attributes:
        cents: Integer cents; never negative.
        currency: Whether a currency stands beside it, so that it is surely money.
    """

    cents: int
    start: int
    end: int
    currency: bool


_CURRENCY = r"(?:EUR|Euros?|€|USD|US\$|\$|dollars?|GBP|£|pounds?|CHF|cents?)"
_THOUSANDS = r"[.,'\u2019 \u00a0\u202f]"
_GROUPED = rf"\d{{1,3}}(?:{_THOUSANDS}\d{{3}})+(?:[.,]\d{{2}}(?!\d))?"
_NUMBER = rf"{_GROUPED}|\d+[.,]\d{{2}}(?!\d)|\d+(?:[.,][-\u2013]{{1,2}})?"
_AMOUNT = re.compile(
    rf"(?<![\w.,/:#-])(?:(?P<before>{_CURRENCY})\s{{0,3}})?(?P<number>{_NUMBER})"
    rf"(?:\s{{0,3}}(?P<after>{_CURRENCY}))?(?![\w]|[-/:.]\w|,\d)",
    re.IGNORECASE,
)
_PLAIN = re.compile(r"\d+[.,]\d{2}|\d{1,3}(?:[.,']\d{3})+[.,]\d{2}")
MAX_DIGITS = 15

_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_WORTH = {name: value for value, name in enumerate(_SMALL.split())}
_WORTH |= {name: 10 * value for value, name in enumerate(_TENS.split(), start=2)}
_WORTH |= {"a": 1, "hundred": 100, "thousand": 1000}
_WORD = rf"(?:{'|'.join(sorted(_WORTH, key=len, reverse=True))})"
_SPELT = re.compile(
    rf"(?<![\w-])(?P<units>{_WORD}(?:(?:[ -]| and ){_WORD})*) (?P<unit>{_CURRENCY})\b"
    rf"(?:(?:,|,? and)? (?P<cents>{_WORD}(?:[ -]{_WORD})?) cents?\b"
    rf"|,? (?P<more>(?:{_TENS.replace(' ', '|')})(?:[ -]{_WORD})?)\b)?",
    re.IGNORECASE,
)


def find_amounts(text: str) -> list[Amount]:
    """Find amounts of money: with a currency beside them, or with two decimals.

    Understands `EUR 3,240.00`, `3.240,00 €`, `1 200 euros`, `€486`, `486.00`, and in English words
    `two hundred and forty euros`, `six hundred and twelve euros fifty`.
    """
    found = []
    for match in _AMOUNT.finditer(text):
        unit = (match["before"] or match["after"] or "").lower()
        number = match["number"]
        if sum(c.isdigit() for c in number) > MAX_DIGITS or not (unit or _PLAIN.fullmatch(number)):
            continue
        cents = _cents(number, whole=unit.startswith("cent"))
        found.append(Amount(cents, match.start(), match.end(), bool(unit)))
    for match in _SPELT.finditer(text):
        whole = match["unit"].lower().startswith("cent")
        cents = _worth(match["units"]) if whole else 100 * _worth(match["units"])
        part = _worth(match["cents"] or match["more"] or "zero")
        found.append(Amount(cents + part * (part < CENTS and not whole), *match.span(), currency=True))
    return sorted(found, key=lambda amount: amount.start)


CENTS = 100
"""Of a unit of the currency."""


def _worth(spelt: str) -> int:
    """A number in words: "six hundred and twelve" is 612."""
    total = part = 0
    for word in re.findall(r"[a-z]+", spelt.lower()):
        value = _WORTH.get(word, 0)
        if word == "thousand":
            total, part = total + max(part, 1) * value, 0
        else:
            part = max(part, 1) * value if word == "hundred" else part + value
    return total + part


def _cents(number: str, *, whole: bool) -> int:
    """Read a number; `whole` where it is in cents already."""
    decimals = re.search(r"[.,](\d{2})$", number)
    units = number[: decimals.start()] if decimals else number
    digits = int(re.sub(r"\D", "", units) or "0")
    if whole:
        return digits
    return digits * 100 + (int(decimals[1]) if decimals else 0)
