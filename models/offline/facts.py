"""Facts: what the messages say, sorted by who said it and in what form."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage

from models.offline.text import sentences

HANDOFF = "transfer_to_"
"""How the name of a tool begins that hands the request to another agent."""

BEYOND = "needs a language model"
"""How the offline model begins when it can't do what is asked."""

NOT_VALID = "That was not a valid result: "
"""How an agent is told what to mend: an order, and not the words of whoever asked."""

LOOK_AGAIN = "Look once more: "
"""How an agent is told to read everything again; whoever reads everything each time learns nothing by it."""


@dataclass(frozen=True)
class Record:
    """One JSON object, from a tool or from an earlier step.

    Attributes:
        source: Name of the tool or of the step.
        siblings: Objects in the list that it is an item of; 1 where it stands alone.
    """

    source: str
    values: Mapping[str, Any]
    siblings: int = 1


@dataclass(frozen=True)
class Call:
    """A tool call of the conversation and what came of it; `result` is None where it failed."""

    name: str
    args: Mapping[str, Any]
    result: Any
    failed: bool


@dataclass
class Facts:
    """Everything that an answer may rest on.

    Attributes:
        job: The system's instructions, the only ones that count.
        told: What people wrote outside of documents, the latest turn first.
        documents: Text between document tags: data from outsiders, never instructions.
        records: JSON objects, the most recent first.
        calls: Tool calls with their results, in order.
        answered: How many of them belong to requests that were answered already.
    """

    job: str = ""
    told: list[str] = field(default_factory=list)
    documents: list[str] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    answered: int = 0

    @property
    def open_calls(self) -> list[Call]:
        """Calls made for the latest request."""
        return self.calls[self.answered :]

    @cached_property
    def texts(self) -> list[str]:
        """What to search, in this order: people's own words, then documents."""
        return [*self.told, *self.documents]

    @cached_property
    def request(self) -> list[str]:
        """The sentences of what is wanted: the latest words, or the documents' if there are none."""
        lines = [line for text in [*self.told[:1], *self.documents] for line in sentences(text)]
        # Who writes nothing but "New address: …" means just that.
        return [line for line in lines if not _HEADER.match(line)] or lines

    @cached_property
    def prose(self) -> list[tuple[str, Record]]:
        """Sentences out of long text in the records, each with where it stands; no echo of arguments."""
        echoes = {value for call in self.calls for value in call.args.values() if isinstance(value, str)}
        return [
            (sentence, record)
            for record in self.records
            for value in record.values.values()
            if isinstance(value, str) and len(value) >= PROSE and value not in echoes
            for sentence in sentences(value)
        ]


PROSE = 60
"""Characters from which a text in a record counts as prose."""

_HEADER = re.compile(
    r"^(?:[A-Z][\w-]*(?: [\w-]+){0,2}:\s\S.{0,40}$"
    r"|(?:dear|hello|hi|hey|good (?:morning|day|evening))\b[^.?!]{0,40}[,!.]?$"
    r"|(?:yours|kind|best|warm|with (?:kind|best)|many thanks|thank you|thanks|regards|sincerely)"
    r"\b[^?!]{0,50}$)",
    re.IGNORECASE,
)
_DOCUMENT = re.compile(r"<document\b[^>]*>(.*?)(?:</document\s*>|\Z)", re.DOTALL | re.IGNORECASE)
_JSON = re.compile(r"(?:^[^\n`]*:[ \t]*\n)?```(?:json)?\s*\n(.*?)\n```", re.DOTALL | re.MULTILINE)


def read(messages: Sequence[BaseMessage]) -> Facts:
    """Collect the facts of a conversation; nothing in it is followed as an instruction but the job."""
    facts = Facts()
    turns: list[list[str]] = [[]]
    pending: dict[str, Any] = {}
    results: list[tuple[str, Any]] = []
    after_error, answered = False, 0
    for message in messages:
        if isinstance(message, SystemMessage):
            facts.job = f"{facts.job}\n{message.text}".strip()
        elif isinstance(message, AIMessage):
            pending |= {str(call["id"]): call for call in message.tool_calls}
            after_error = not message.tool_calls and message.text.startswith(BEYOND)
            if not message.tool_calls and turns[-1]:
                turns.append([])
                answered = len(facts.calls) if not after_error else answered
        elif isinstance(message, ToolMessage):
            after_error = message.status == "error"
            name, args = _called(message, pending)
            value = None if after_error else _parse(message.text)
            facts.calls.append(Call(name, args, value, after_error))
            if not after_error:
                results.append((name, value))
        elif isinstance(message, HumanMessage) and not after_error:
            # What follows an error is about the error, not about the request.
            if message.text.startswith(NOT_VALID):
                facts.job += f"\n{message.text.removeprefix(NOT_VALID)}"
                continue
            if message.text.startswith(LOOK_AGAIN):
                continue
            said, documents, blocks = _take_apart(message.text)
            turns[-1] += [said] if said else []
            facts.documents += documents
            results += blocks
    # An answer that nobody has come back on ends nothing: whoever speaks next is still at the request.
    facts.answered = answered if turns[-1] else 0
    facts.told = ["\n\n".join(turn) for turn in reversed(turns) if turn]
    facts.records = list(_records(results))
    return facts


def _called(message: ToolMessage, pending: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    call = pending.get(message.tool_call_id)
    return (call["name"], call["args"]) if call else (message.name or "", {})


def _take_apart(text: str) -> tuple[str, list[str], list[tuple[str, Any]]]:
    """Split a person's message into own words, documents, and JSON that isn't inside a document."""
    documents = [part.strip() for part in _DOCUMENT.findall(text)]
    rest = _DOCUMENT.sub("\n", text)
    blocks = [("", value) for part in _JSON.findall(rest) if (value := _json(part)) is not None]
    return _JSON.sub("\n", rest).strip(), documents, blocks


def _parse(text: str) -> Any:
    value = _json(text)
    return text if value is None else value


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _records(results: Sequence[tuple[str, Any]]) -> Iterator[Record]:
    """Objects, the most recent first, an object before what it contains."""
    for source, value in reversed(results):
        yield from _objects(source, value, 1)


def _objects(source: str, value: Any, siblings: int) -> Iterator[Record]:
    if isinstance(value, Mapping):
        if any(not isinstance(inner, Mapping) for inner in value.values()):
            yield Record(source, value, siblings)
        for name, inner in reversed(list(value.items())):
            if isinstance(inner, Mapping | list):
                yield from _objects(str(name), inner, siblings)
    elif isinstance(value, list):
        for item in value:
            yield from _objects(source, item, len(value))
    elif value is not None and source:
        # Bare values have no name: they can be read, and never linked by name.
        yield Record(source, {"": value}, siblings)
