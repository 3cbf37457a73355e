"""Dates: days as people write them, day before month where only numbers stand."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Day:
    """A date found in a text."""

    value: date
    start: int
    end: int


_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan januar", "february feb februar", "march mar märz", "april apr", "may mai",
            "june jun juni", "july jul juli", "august aug", "september sep sept", "october oct oktober okt",
            "november nov", "december dec dezember dez",
        ),
        start=1,
    )
    for name in names.split()
}  # fmt: skip
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_YEAR = r"(?P<y>(?:19|20)\d{2})"
_FORMS = [
    re.compile(rf"(?<![\w-]){_YEAR}[-/.](?P<m>\d{{1,2}})[-/.](?P<d>\d{{1,2}})(?![\d-]|\.\d)"),
    re.compile(
        r"(?<![\w./-])(?P<d>\d{1,2})(?P<s>[./-])\s?(?P<m>\d{1,2})(?P=s)\s?(?P<y>(?:19|20)\d{2}|\d{2})(?![\w/-])"
    ),
    re.compile(
        rf"\b(?P<d>\d{{1,2}})(?:st|nd|rd|th|\.)?\s+(?:of\s+)?(?P<m>{_MONTH})\b\.?,?(?:\s+{_YEAR})?",
        re.IGNORECASE,
    ),
    re.compile(
        rf"\b(?P<m>{_MONTH})\b\.?\s+(?P<d>\d{{1,2}})(?:st|nd|rd|th)?\b(?!:)(?:,?\s+{_YEAR})?", re.IGNORECASE
    ),
]
_THIS_MONTH = re.compile(
    r"\b(?P<d>\d{1,2})(?:st|nd|rd|th)? (?:of |in )?(?:this|the same) month\b", re.IGNORECASE
)
CENTURY = 2000


def find_dates(text: str) -> list[Day]:
    """Find dates such as `2026-03-12`, `12.03.2026`, `12 March 2026`, `March 12th, 2026`.

    In `04/03/2026` the day comes first. A day without a year gets the one that makes it the last
    such day before the latest full date in the text, and "the 7th of this month" is in that date's month;
    without any full date neither is a date.
    """
    days: list[Day] = []
    yearless: list[tuple[int, int, int, int]] = []
    taken: list[tuple[int, int]] = []
    for form in _FORMS:
        for match in form.finditer(text):
            if any(match.start() < end and start < match.end() for start, end in taken):
                continue
            month, day = _month(match["m"]), int(match["d"])
            if match["y"] is None:
                yearless.append((month, day, *match.span()))
            elif value := _day(_year(match["y"]), month, day):
                days.append(Day(value, *match.span()))
            else:
                continue
            taken.append(match.span())
    latest = max((day.value for day in days), default=None)
    if latest:
        yearless += [(latest.month, int(m["d"]), *m.span()) for m in _THIS_MONTH.finditer(text)]
    for month, day, start, end in yearless:
        value = _last_before(latest, month, day) if latest else None
        if value:
            days.append(Day(value, start, end))
    return sorted(days, key=lambda found: found.start)


def _month(text: str) -> int:
    return int(text) if text.isdigit() else _MONTHS[text.lower()]


def _year(text: str) -> int:
    return int(text) if len(text) > 2 else CENTURY + int(text)  # noqa: PLR2004 - digits


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _last_before(latest: date, month: int, day: int) -> date | None:
    same = _day(latest.year, month, day)
    return same if same and same <= latest else _day(latest.year - 1, month, day)
