"""Detection: personal data that shows by its form, wherever it stands in a text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

KINDS = ("person", "email", "phone", "iban", "address", "birthdate", "card")
"""Kinds of personal values; each is also the first half of a token."""

TOKEN = re.compile(rf"<({'|'.join(KINDS)}):([0-9a-f]{{12}})>")
LOOKALIKE = re.compile(rf"<\s*({'|'.join(KINDS)})\s*:([^<>\n]{{0,64}})>", re.IGNORECASE)
"""A token, or what a reader could take for one."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A personal value at `text[start:end]`."""

    start: int
    end: int
    kind: str
    value: str


IBAN_LENGTHS = {
    country: length
    for length, countries in {
        15: ("NO",),
        16: ("BE",),
        18: ("DK", "FI", "NL"),
        19: ("MK", "SI"),
        20: ("AT", "BA", "EE", "LT", "LU"),
        21: ("CH", "HR", "LI", "LV"),
        22: ("BG", "DE", "GB", "IE", "ME", "RS", "VA"),
        23: ("AE",),
        24: ("AD", "CZ", "ES", "RO", "SE", "SK"),
        25: ("PT",),
        26: ("IS", "TR"),
        27: ("FR", "GR", "IT", "MC", "SM"),
        28: ("AL", "CY", "HU", "PL"),
        29: ("UA",),
        31: ("MT",),
    }.items()
    for country in countries
}
"""Characters of an IBAN by country, from the SWIFT registry."""

_BLANK = r"[ \u00a0]"
_EMAIL = re.compile(r"(?<![\w.+-])[\w+-][\w.+'-]{0,63}@(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24}")
_IBAN_START = re.compile(rf"(?<![A-Za-z0-9])([A-Za-z]{{2}}){_BLANK}?\d{_BLANK}?\d")
# Not in the middle of another number that is written in groups.
_CARD_START = re.compile(r"(?<![\w-])(?<!\d )[2-6]\d{3}")
# A separator is one or two characters and never a digit, so that no text makes these backtrack.
_PHONE_ABROAD = re.compile(
    r"(?<![\w+])(?:\+|(?<!\d )00)[1-9]\d{0,2}(?:\s?\(0\))?(?:[\s./()-]{0,2}\d){5,13}(?!\d)"
)
_PHONE_HERE = re.compile(
    r"(?<![\w./+-])(?<!\d )(?:\(0[1-9]\d{1,4}\)[\s/-]{0,3}\d|0[1-9]\d{1,4}[\s/-]{1,3}\d|01[5-7]\d)"
    r"(?:[\s-]?\d){3,10}(?![\w-])"
)
_LABELLED_BIRTH = re.compile(
    r"\b(?:born(?:\s+on)?|date\s+of\s+birth|birth\s?date|birthday|d\.?o\.?b\.?|geb(?:oren|\.)?(?:\s+am)?|geburts(?:datum|tag))"
    r"[\s:=]{0,5}(?:(?:is|was|ist)\s+)?"
    r"(\d{4}-\d{1,2}-\d{1,2}|\d{1,2}[./-]\s?\d{1,2}[./-]\s?\d{2,4}"
    r"|\d{1,2}\.?\s+[^\W\d_]{3,9}\.?,?\s+\d{4}|[^\W\d_]{3,9}\s+\d{1,2},\s+\d{4})",
    re.IGNORECASE,
)
_LEAST_DIGITS, _MOST_DIGITS = 8, 15


def find_personal(text: str) -> list[Finding]:
    """Every value that shows by its form, overlapping ones included.

    E-mail addresses, IBANs whose check digits fit, payment cards whose Luhn digit fits, phone
    numbers, and dates that are labelled as a date of birth. Names and addresses have no form.
    """
    return [finding for finder in _FINDERS for finding in finder(text)]


def _whole(kind: str, pattern: re.Pattern[str], group: int = 0) -> Callable[[str], Iterator[Finding]]:
    def find(text: str) -> Iterator[Finding]:
        for match in pattern.finditer(text):
            yield Finding(match.start(group), match.end(group), kind, match[group])

    return find


def _ibans(text: str) -> Iterator[Finding]:
    for match in _IBAN_START.finditer(text):
        country = match[1].upper()
        end = _end_of(text, match.start(), IBAN_LENGTHS.get(country, 0))
        if end and iban_fits("".join(filter(str.isalnum, text[match.start() : end]))):
            yield Finding(match.start(), end, "iban", text[match.start() : end])


def _end_of(text: str, start: int, length: int) -> int | None:
    """Where `length` letters and digits from `start` end, blanks and dashes between them skipped."""
    seen, gap = 0, 0
    for position in range(start, len(text)):
        character = text[position]
        if character.isascii() and character.isalnum():
            seen, gap = seen + 1, 0
            if seen == length:
                follows = text[position + 1 : position + 2]
                return None if follows.isalnum() else position + 1
        elif character in " \u00a0-" and gap == 0:
            gap = 1
        else:
            return None
    return None


def iban_fits(iban: str) -> bool:
    """Whether the check digits are right (ISO 13616: remainder 1 of 97)."""
    moved = (iban[4:] + iban[:4]).upper()
    return moved.isascii() and moved.isalnum() and int("".join(str(int(c, 36)) for c in moved)) % 97 == 1


def _cards(text: str) -> Iterator[Finding]:
    for match in _CARD_START.finditer(text):
        for length in range(19, 12, -1):
            end = _end_of(text, match.start(), length)
            digits = re.sub(r"[\s-]", "", text[match.start() : end])
            if end and digits.isdecimal() and luhn_fits(digits):
                yield Finding(match.start(), end, "card", text[match.start() : end])
                break


def luhn_fits(digits: str) -> bool:
    """Whether the last digit is right (ISO/IEC 7812)."""
    doubled = [int(d) * (2 if place % 2 else 1) for place, d in enumerate(reversed(digits))]
    return sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0  # noqa: PLR2004 - the digit sum


def _phones(text: str) -> Iterator[Finding]:
    for pattern in (_PHONE_ABROAD, _PHONE_HERE):
        for match in pattern.finditer(text):
            if _LEAST_DIGITS <= sum(map(str.isdigit, match[0])) <= _MOST_DIGITS:
                yield Finding(match.start(), match.end(), "phone", match[0])


_FINDERS = (_whole("email", _EMAIL), _ibans, _cards, _phones, _whole("birthdate", _LABELLED_BIRTH, 1))
