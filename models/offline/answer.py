"""Answer: plain words, taken from what tools found or from what the messages hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from models.offline.facts import BEYOND, HANDOFF, Facts
from models.offline.prose import ANSWERS_AT
from models.offline.text import extract

MAX_RECORDS = 5
MAX_FIELDS = 8


def in_words(facts: Facts) -> str:
    """Answer in words: sentences from what was found, else the records' values, else what is missing."""
    question = " ".join(facts.request)
    passages = dict.fromkeys(sentence for sentence, _ in facts.prose)
    told = extract(question, list(passages), most=2, least=ANSWERS_AT) if question else []
    parts = [sentence for sentence, _ in told]
    found = _findings(facts)
    if parts or found:
        return " ".join([*parts, *found])
    failed = [call.name for call in facts.open_calls if call.failed]
    if failed:
        return f"{BEYOND}: {', '.join(dict.fromkeys(failed))} failed and nothing else was found"
    return f"{BEYOND}: nothing in the messages answers this"


def _findings(facts: Facts) -> list[str]:
    """One sentence for each tool that found or did something, by its own name."""
    lines = []
    for call in facts.open_calls:
        if call.failed or call.name.startswith(HANDOFF):
            continue
        records = call.result if isinstance(call.result, list) else [call.result]
        kept = [in_short(record, call.args) for record in records if isinstance(record, Mapping)]
        if kept:
            more = f" and {len(kept) - MAX_RECORDS} more" if len(kept) > MAX_RECORDS else ""
            lines.append(f"{call.name}: {'; '.join(filter(None, kept[:MAX_RECORDS])) or 'done'}{more}.")
        elif call.result == []:
            lines.append(f"{call.name}: nothing found.")
        elif isinstance(call.result, str | int | float):
            lines.append(f"{call.name}: {call.result}")
    return lines


def in_short(record: Mapping[str, Any], args: Mapping[str, Any]) -> str:
    """What a record says beyond what was asked with."""
    plain = [
        f"{name.replace('_', ' ')} {value}"
        for name, value in record.items()
        if value not in (None, "", False) and not isinstance(value, dict | list) and args.get(name) != value
    ]
    return ", ".join(plain[:MAX_FIELDS])
