"""Answer: plain words, taken from what tools found or from what the messages hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from models.offline.facts import BEYOND, Facts
from models.offline.prose import ANSWERS_AT
from models.offline.text import extract

MAX_RECORDS = 5
MAX_FIELDS = 12


def in_words(facts: Facts) -> str:
    """Answer in words: sentences from what was found, else the records' values, else what is missing."""
    question = " ".join(facts.request)
    passages = dict.fromkeys(sentence for sentence, _ in facts.prose)
    told = extract(question, list(passages), most=2, least=ANSWERS_AT) if question else []
    parts = [sentence for sentence, _ in told]
    found = _findings(facts)
    if parts or found:
        return " ".join([*parts, *found])
    failed = [call.name for call in facts.calls if call.failed]
    if failed:
        return f"{BEYOND}: {', '.join(dict.fromkeys(failed))} failed and nothing else was found"
    return f"{BEYOND}: nothing in the messages answers this"


def _findings(facts: Facts) -> list[str]:
    """One sentence for each tool that found something, by its own name."""
    lines = []
    for call in facts.calls:
        records = call.result if isinstance(call.result, list) else [call.result]
        kept = [_values(record) for record in records if isinstance(record, Mapping)]
        if isinstance(call.result, list) and not call.result:
            lines.append(f"{call.name}: nothing found.")
        elif kept:
            more = f" and {len(kept) - MAX_RECORDS} more" if len(kept) > MAX_RECORDS else ""
            lines.append(f"{call.name}: {'; '.join(kept[:MAX_RECORDS])}{more}.")
        elif (
            not call.failed
            and isinstance(call.result, str | int | float)
            and not call.name.startswith("transfer_to_")
        ):
            lines.append(f"{call.name}: {call.result}")
    return lines


def _values(record: Mapping[str, Any]) -> str:
    plain = [
        f"{name} {value}"
        for name, value in record.items()
        if value not in (None, "") and not isinstance(value, dict | list)
    ]
    return ", ".join(plain[:MAX_FIELDS])
