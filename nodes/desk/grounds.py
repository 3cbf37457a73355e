"""Grounds: what an agent says stands in what was read in the run, and what it says was done was done."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, ToolMessage

from governance.control import control
from governance.journal import State
from models.offline.dates import find_dates
from models.offline.facts import NOT_VALID
from models.offline.money import find_amounts
from nodes.deliver import SPOKESMAN
from nodes.turn import Turn

COUNTS = 100
"""Below it a bare number may be a count of what was read, which stands nowhere."""

NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
_ON_RECORD = re.compile(r"\b[A-Z]{1,4}-\d{3,}\b|<[a-z_]+:[0-9a-f]{12}>")
_DID = re.compile(
    r"(\b(?P<me>I|we)(['\u2019]ve| have| had)?( went ahead and)?|\b(has|have|was|were|is|are)|^|[.!])"
    r" ?\b((now|already|just|also|successfully|been) )*(?P<verb>\w+)",
    re.IGNORECASE,
)
_WANTS_CALL = re.compile(
    r"(?<!not )(?<!n't )(?<!never )(?<!nobody )(?<!no one )\b(call|phone|ring|reach|telephone) (me|us)\b"
    r"|\b(get|give me|like|want|need|please|request) (an? )?(phone )?(call|ring)([- ]?back)?\b"
    r"|\bcall([- ]?back)?,? please|\bto be (called|phoned)|\b(contact|speak|talk)\b[^.?!]{1,40} phone\b",
    re.IGNORECASE,
)
ACTS = {
    "noted recorded registered logged filed forwarded passed handed referred arranged scheduled": "add_note",
    "changed updated corrected amended": "change_address change_account",
    "paid refunded reimbursed credited transferred": "pay_claim",
    "sent mailed emailed": "send_letter",
    "cancelled canceled terminated withdrawn stopped deleted removed waived approved issued processed": "",
}
"""Words for an act → the tools that do it; where there is none, nobody here can have done it."""


async def borne_out(said: str, turn: Turn, state: Mapping[str, Any]) -> Sequence[str]:
    """Amounts, dates and ids were read or told, acts are in the journal; who wants a call gets a note."""
    messages = state["messages"]
    told = [m for m in messages if isinstance(m, HumanMessage) and not m.text.startswith(NOT_VALID)]
    read = "\n".join(_results([*messages, *turn.new]))
    known = "\n".join([read, turn.prompt[0].text, *(message.text for message in told)])
    problems = [f"{stray} is not found in what was read" for stray in unread(said, known, COUNTS)]
    done = {e.action for e in await control().effects(turn.actor.run.id) if e.state == State.DONE}
    problems += [f"{claim!r}: no such act was carried out" for claim in _not_done(said, read.lower(), done)]
    answered = max((i for i, message in enumerate(messages) if message.name == SPOKESMAN), default=0)
    asked = any(_WANTS_CALL.search(m.text) for m in messages[answered:] if m in told)
    if asked and "add_note" not in done and not turn.refused:
        problems.append("they want to be called, and nobody would know: call add_note with kind callback")
    return problems


async def in_passages(said: str, turn: Turn, _state: Mapping[str, Any]) -> Sequence[str]:
    """Every number stands in the results of the agent's own calls, whatever other steps found."""
    return [f"{it} is not found in the passages" for it in unread(said, "\n".join(_results(turn.new)))]


def unread(said: str, read: str, least: float = 0) -> list[str]:
    """Numbers on record, dates, amounts, and other numbers from `least`, that stand nowhere in `read`."""
    known, dates, ids = _values(read)
    known |= {number / 100 for number in known} | {float(date[:4]) for date in dates}
    stated, days, named = _values(said, least)
    return sorted((named - ids) | (days - dates)) + [f"{number:,.10g}" for number in sorted(stated - known)]


def numbers_in(text: str) -> set[float]:
    """The numbers of a text, with commas between thousands."""
    return {float(number.replace(",", "")) for number in re.findall(NUMBER, text)}


def _values(text: str, least: float = 0) -> tuple[set[float], set[str], set[str]]:
    """Amounts of money and numbers from `least`, ISO dates, and numbers on record."""
    ids, text = set(_ON_RECORD.findall(text)), _ON_RECORD.sub(" ", text)
    days, money = find_dates(text), find_amounts(text)
    spans = [(day.start, day.end) for day in days] + [(it.start, it.end) for it in money]
    for start, end in sorted(spans, reverse=True):
        text = f"{text[:start]} {text[end:]}"
    plain = {number for number in numbers_in(text) if number >= least}
    return plain | {it.cents / 100 for it in money}, {f"{day.value}" for day in days}, ids


def _results(messages: Sequence[AnyMessage]) -> Iterator[str]:
    """What tools found, without the agents' own words where they come back from a record just written."""
    calls = {c["id"]: c["args"] for m in messages if isinstance(m, AIMessage) for c in m.tool_calls}
    for message in messages:
        if isinstance(message, ToolMessage) and message.status == "success":
            own = [v for v in calls.get(message.tool_call_id, {}).values() if " " in str(v)]
            echoed = "|".join(re.escape(json.dumps(words, ensure_ascii=False)) for words in own)
            yield re.sub(echoed, " ", message.text) if own else message.text


def _not_done(said: str, read: str, done: set[str]) -> Iterator[str]:
    """Claims of acts; without "I" it may be a record that says so."""
    for claim in _DID.finditer(said):
        verb = claim["verb"].lower()
        doers = [tools.split() for words, tools in ACTS.items() if verb in words.split()]
        stands = (claim[0].lower() if claim["me"] else verb) in read
        if doers and not stands and done.isdisjoint(doers[0]):
            yield claim[0]
