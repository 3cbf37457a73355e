"""What the offline model answers from records, and when it acts: a library's desk, written before tuning."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, SystemMessage, ToolMessage

from models.offline.chat import OfflineChatModel

LIBRARY = tomllib.loads((Path(__file__).parent / "answers.toml").read_text(encoding="utf-8"))
READER = {"type": "string", "pattern": r"^R-\d{4}$", "description": "Reader number, such as R-1001"}
PLAIN = {
    "add_note": {"text": {"type": "string", "description": "Text of the note: what the reader said"}},
    "change_address": {
        "street": {"type": "string", "description": "Street and house number"},
        "city": {"type": "string", "description": "Postal code and town"},
    },
}


def tools() -> list[dict[str, Any]]:
    return [
        {
            "type": "function",
            "function": {
                "name": name,
                "description": about,
                "parameters": {
                    "type": "object",
                    "properties": {"reader_id": READER, **PLAIN.get(name, {})},
                    "required": ["reader_id", *PLAIN.get(name, {})],
                },
            },
        }
        for name, about in LIBRARY["tools"].items()
    ]


def asked(request: str) -> list[AnyMessage]:
    return [SystemMessage(LIBRARY["job"]), HumanMessage(f"Reader: R-1001 (verified: user)\n\n{request}")]


def results_of(answer: AIMessage, returned: Mapping[str, Any]) -> list[AnyMessage]:
    return [
        ToolMessage(json.dumps(returned.get(call["name"], {"done": True})), tool_call_id=call["id"])
        for call in answer.tool_calls
    ]


def said(case: Mapping[str, Any]) -> str:
    """The answer in words once the case's tools have returned."""
    calls = [
        {"name": name, "args": {"reader_id": "R-1001"}, "id": f"c{i}"}
        for i, name in enumerate(case["called"])
    ]
    call = AIMessage("", tool_calls=calls)
    returned = {name: [] for name in case["called"]} if case.get("empty") else LIBRARY["results"]
    messages = [*asked(case["request"]), call, *results_of(call, returned)]
    return OfflineChatModel().bind_tools(tools(), tool_choice="none").invoke(messages).text


def called(request: str) -> list[str]:
    """All tools of a whole loop, in order."""
    model, messages, names = OfflineChatModel().bind_tools(tools()), asked(request), []
    for _ in range(6):
        answer = model.invoke(messages)
        if not answer.tool_calls:
            break
        names += [call["name"] for call in answer.tool_calls]
        messages += [answer, *results_of(answer, LIBRARY["results"])]
    return names


def wrong_answers() -> list[Sequence[str]]:
    wrong = []
    for case in LIBRARY["answer"]:
        text = said(case)
        if not all(part in text for part in case["says"]) or any(part in text for part in case["spares"]):
            wrong.append((case["request"], text))
    return wrong


def wrong_acts() -> list[tuple[str, list[str]]]:
    wrong = []
    for case in LIBRARY["act"]:
        names = called(case["request"])
        written = [name for name in names if name in PLAIN]
        wanted = case["calls"]
        if not set(wanted) <= set(names) or set(written) - set(wanted):
            wrong.append((case["request"], names))
    return wrong


def test_it_says_what_was_asked_and_little_else_in_at_least_14_of_16():
    wrong = wrong_answers()
    assert len(wrong) <= 2, wrong


def test_it_calls_what_the_request_needs_in_at_least_11_of_16_and_writes_what_nobody_wants_in_none():
    wrong = wrong_acts()
    assert len(wrong) <= 5, wrong
    assert [names for _, names in wrong if set(names) & set(PLAIN)] == []
