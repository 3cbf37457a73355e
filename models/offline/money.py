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


def find_amounts(text: str) -> list[Amount]:
    """Find amounts of money: with a currency beside them, or with two decimals.

    Understands `EUR 3,240.00`, `3.240,00 €`, `1 200 euros`, `€486` and `486.00`.
    """
    found = []
    for match in _AMOUNT.finditer(text):
        unit = (match["before"] or match["after"] or "").lower()
        number = match["number"]
        if sum(c.isdigit() for c in number) > MAX_DIGITS or not (unit or _PLAIN.fullmatch(number)):
            continue
        cents = _cents(number, whole=unit.startswith("cent"))
        found.append(Amount(cents, match.start(), match.end(), bool(unit)))
    return found


def _cents(number: str, *, whole: bool) -> int:
    """Read a number; `whole` where it is in cents already."""
    decimals = re.search(r"[.,](\d{2})$", number)
    units = number[: decimals.start()] if decimals else number
    digits = int(re.sub(r"\D", "", units) or "0")
    if whole:
        return digits
    return digits * 100 + (int(decimals[1]) if decimals else 0)
