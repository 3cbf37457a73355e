"""Personal values of a case's texts: labelled by hand, and found by a plain rule where nobody read them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache

from evals.datasets import Case
from evals.desk.data import DATASETS

# Written from the formats (RFC 5322, ISO 13616, E.123), and on purpose without the desk's own detection:
# what finds nothing any more must not judge itself.
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
_PHONE = re.compile(r"(?<![\w+])(?<![A-Z\d] )(?:\+|00)[1-9]\d(?:[ /()-]{0,2}\d){6,12}\b")
NEW_STREET = "new street"
"""Has no form, and is on no record of a verified customer: its label alone tells it, which no desk has."""


def values_of(case: Case) -> Mapping[str, str]:
    """Every value of a message that must not stand in the clear anywhere → its kind."""
    parts = (
        case.sender or "",
        case.subject,
        case.text,
        case.html or "",
        *case.headers.values(),
        *(attached["text"] for attached in case.attachments),
    )
    found = {value: _kind(value) for value in _labelled().get(case.id, ())}
    for part in parts:
        found |= dict.fromkeys(_EMAIL.findall(part), "email") | dict.fromkeys(_PHONE.findall(part), "phone")
        found |= dict.fromkeys(filter(_fits, _IBAN.findall(part)), "iban")
    return found


def _kind(value: str) -> str:
    kinds = {"email": _EMAIL, "iban": _IBAN, "phone": _PHONE}
    return next((kind for kind, form in kinds.items() if form.fullmatch(value)), NEW_STREET)


def _fits(iban: str) -> bool:
    """Whether the remainder of 97 is the one that an account number has."""
    plain = iban.replace(" ", "")
    return int("".join(str(int(each, 36)) for each in plain[4:] + plain[:4])) % 97 == 1


@cache
def _labelled() -> Mapping[str, tuple[str, ...]]:
    with (DATASETS / "personal.jsonl").open(encoding="utf-8") as lines:
        return {row["id"]: tuple(row["values"]) for row in map(json.loads, lines)}
