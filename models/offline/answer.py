"""Answer: plain words, taken from what tools found or from what the messages hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from models.offline.facts import BEYOND, HANDOFF, Call, Facts
from models.offline.prose import ANSWERS_AT
from models.offline.telling import Money, told
from models.offline.text import extract
from models.offline.tool import Tool

MAX_FIELDS = 8


def in_words(facts: Facts, tools: Sequence[Tool] = ()) -> str:
    """Answer in words: sentences from what was found, else the records' values, else what is missing."""
    question = " ".join(facts.request)
    passages = dict.fromkeys(sentence for sentence, _ in facts.prose if sentence not in facts.request)
    said = extract(question, list(passages), most=2, least=ANSWERS_AT) if question else []
    parts = [sentence for sentence, _ in said]
    known = {tool.name: tool for tool in tools}
    calls = [call for call in facts.open_calls if not call.failed and not call.name.startswith(HANDOFF)]
    found = [_finding(call, known.get(call.name) or Tool(call.name, "", {}), question) for call in calls]
    if parts or any(found):
        return " ".join([*parts, *filter(None, found)])
    failed = [call.name for call in facts.open_calls if call.failed]
    if failed:
        return f"{BEYOND}: {', '.join(dict.fromkeys(failed))} failed and nothing else was found"
    return f"{BEYOND}: nothing in the messages answers this"


def _finding(call: Call, tool: Tool, question: str) -> str:
    """One sentence about what a tool found or did."""
    if isinstance(call.result, str | int | float):
        return f"{call.name}: {call.result}"
    if call.result == []:
        return f"There are no {tool.thing} on record."
    facts = told(question, call.result, call.args, Money.told_by(tool.description))
    if tool.reads:
        return f"{tool.thing.capitalize()}: {facts}." if facts else ""
    number = facts.split(",")[0]
    return f"Done: {tool.name.replace('_', ' ')}{f' ({number})' if number[-1:].isdigit() else ''}."


def in_short(record: Mapping[str, Any], args: Mapping[str, Any]) -> str:
    """What a record says beyond what was asked with."""
    plain = [
        f"{name.replace('_', ' ')} {value}"
        for name, value in record.items()
        if value not in (None, "", False) and not isinstance(value, dict | list) and args.get(name) != value
    ]
    return ", ".join(plain[:MAX_FIELDS])
