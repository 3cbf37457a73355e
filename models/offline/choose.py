"""Choose: which tool helps next, or whether it is time for the final answer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from models.offline.facts import BEYOND, HANDOFF, Call, Facts
from models.offline.fill import NEW, Filled, fill
from models.offline.options import Option, by_likeness
from models.offline.prose import is_prose
from models.offline.relevance import WANTED, asks, relevance
from models.offline.schema import fields
from models.offline.text import sentences, shortlist, similarities, words
from models.offline.tool import Tool

LOOKED_INTO = 0.22
"""The same where nothing else helps: to look costs little, and the answer may be there."""

WANTED_TO_ACT = 0.45
"""The same for a tool whose name doesn't say that it only reads."""

WANTED_AS_STATED = 0.33
"""The same for one whose new values, such as an address, people state."""

BETTER_ELSEWHERE = 0.12
"""How much closer a request must be to somebody else's job than to one's own."""

LISTS = "list_"
"""How the name of a tool begins that lists records."""

SECOND_CALL = 0.6
"""Relevance from which a second independent tool is called in the same turn."""


_HEDGED = re.compile(
    r"\?|n['\u2019]t\b|\b(?:not|might|may|perhaps|maybe|if|would|could|before|old|former)\b"
    r"|\bfrom\b[^.]{1,25}\b(?:to|until|till)\b",
    re.IGNORECASE,
)
_ASKS = re.compile(r"\?|\b(?:what|which|whose|who|how|when|where|whether)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Step:
    """What to do next: calls, or words."""

    calls: Sequence[tuple[str, dict[str, Any]]] = ()
    text: str = ""


@dataclass(frozen=True)
class _Candidate:
    """A tool that could be called.

    Attributes:
        due: An order means it, some sentence asks for it first, or people state what it would set.
        enough: Relevance from which it is called.
    """

    tool: Tool
    filled: Filled
    relevance: float
    due: bool
    enough: float


def next_step(
    facts: Facts, tools: Sequence[Tool], *, must_call: bool, only: str | None = None
) -> Step | None:
    """Decide what to do next; None where no tool helps and an answer in words is due.

    Args:
        must_call: Words are no answer.
        only: The tool that has to be called.
    """
    if only is not None:
        tool = next(tool for tool in tools if tool.name == only)
        return Step([(tool.name, _fill(tool, facts).values)])
    final = next((tool for tool in tools if tool.is_final), None)
    helpers = [tool for tool in tools if not tool.is_final]
    if final:
        return _towards(final, helpers, facts)
    step = _free(helpers, facts)
    if step is None and must_call and helpers:
        return _forced(helpers, facts)
    return step


def _towards(final: Tool, helpers: Sequence[Tool], facts: Facts) -> Step:
    """Call what the job names or the answer lacks; then answer."""
    answer = _fill(final, facts)
    candidates = _candidates(helpers, facts)
    named = [c for c in candidates if c.relevance >= 1]
    if named:
        return _call(named[:1])
    useful = [c for c in candidates if c.relevance >= WANTED and c.tool.reads]
    asked = any(not call.failed for call in facts.open_calls)
    if useful and (answer.missing or not asked):
        return _call(useful[:1])
    if not answer.missing:
        return Step([(final.name, answer.values)])
    if candidates:
        return _call(candidates[:1])
    return Step(text=f"{BEYOND}: nothing in the messages gives {', '.join(answer.missing)}")


def _free(helpers: Sequence[Tool], facts: Facts) -> Step | None:
    """Call what the request or the job asks for, then hand over what is somebody else's."""
    tools = [tool for tool in helpers if not tool.is_handoff]
    known = _candidates(tools, facts)
    wanted = [c for c in known if c.due and c.relevance >= c.enough]
    # What only reads comes first, lists before single records: what follows may need what they find.
    wanted.sort(key=lambda c: (not c.tool.reads, not c.tool.name.startswith(LISTS), -c.relevance))
    if wanted:
        second = [
            c for c in wanted[1:2] if c.relevance >= SECOND_CALL and c.tool.reads and wanted[0].tool.reads
        ]
        return _call([wanted[0], *second])
    handed = _hand_over([tool for tool in helpers if tool.is_handoff], facts, alone=not tools)
    if handed or facts.open_calls:
        return handed
    return _looked_into([c for c in known if c.tool.reads], facts)


def _looked_into(known: Sequence[_Candidate], facts: Facts) -> Step | None:
    """Look where an answer may be, if anything is asked; what nothing else is about is searched for."""
    perhaps = [c for c in known if c.relevance >= LOOKED_INTO]
    if not perhaps and _ASKS.search(" ".join(facts.request)):
        perhaps = [c for c in known if c.tool.searches]
    return _call(perhaps[:1]) if perhaps else None


def _hand_over(handoffs: Sequence[Tool], facts: Facts, *, alone: bool) -> Step | None:
    """Hand over to whose job is closest; with tools of one's own only what is clearly theirs."""
    visited = {call.name for call in facts.open_calls}
    open_ = [tool for tool in handoffs if tool.name not in visited]
    if not open_ or not facts.request:
        return None
    if alone:
        jobs = [Option(tool.name, tool.job, ()) for tool in open_]
        chosen = by_likeness(jobs, facts.request)
        target = next((tool for tool in open_ if chosen and tool.name == chosen.value), None)
    else:
        target = _clearly_theirs(open_, facts)
    return Step([(target.name, _fill(target, facts).values)]) if target else None


def _clearly_theirs(handoffs: Sequence[Tool], facts: Facts) -> Tool | None:
    """Whose job some sentence of the request is much closer to than to one's own."""
    request = shortlist(facts.job, facts.request)
    cosines = similarities([tool.about for tool in handoffs], request)
    ahead = cosines - similarities(sentences(facts.job) or [""], request).max(axis=0)
    best, where = divmod(int(ahead.argmax()), len(request))
    theirs = ahead[best, where] >= BETTER_ELSEWHERE and cosines[best, where] >= WANTED
    return handoffs[best] if theirs else None


def _forced(helpers: Sequence[Tool], facts: Facts) -> Step:
    """Something has to be called: the closest tool, with what is known of its arguments."""
    weighed = relevance(helpers, [True] * len(helpers), facts)
    filled = [_fill(tool, facts) for tool in helpers]
    done = [(call.name, call.args) for call in facts.open_calls]
    fresh = [(tool.name, one.values) not in done for tool, one in zip(helpers, filled, strict=True)]
    best = max(range(len(helpers)), key=lambda i: (not filled[i].missing, fresh[i], weighed[i].score))
    return Step([(helpers[best].name, filled[best].values)])


def _candidates(tools: Sequence[Tool], facts: Facts) -> list[_Candidate]:
    """Tools not yet called in this agent's turn whose required arguments are known, best first."""
    since = _own_calls(facts.open_calls)
    done = {call.name for call in since}
    if not tools:
        return []
    filled = [_fill(tool, facts) for tool in tools]
    usable = [tool.name in done or not one.missing for tool, one in zip(tools, filled, strict=True)]
    candidates = []
    for tool, one, asked in zip(tools, filled, relevance(tools, usable, facts), strict=True):
        # Looked up again for a further request, but never done again.
        before = facts.open_calls if tool.reads else facts.calls
        repeated = any(call.name == tool.name and call.args == one.values for call in before)
        if tool.name in done or one.missing or repeated:
            continue
        if not (_is_unsure(tool, facts) or _is_foreign(tool, one, facts)):
            stated = _is_stated(tool, one, facts)
            enough = WANTED if tool.reads else WANTED_AS_STATED if stated else WANTED_TO_ACT
            candidates.append(_Candidate(tool, one, asked.score, asked.due or stated, enough))
    return sorted(candidates, key=lambda c: -c.relevance)


def _is_stated(tool: Tool, filled: Filled, facts: Facts) -> bool:
    """Whether people state as a fact all that a tool would set anew."""
    required = [one for one in fields(tool.parameters) if one.required and one.description.startswith(NEW)]
    new = [one.name for one in required if not (one.options or is_prose(one))]
    values = [str(filled.found[name].value) for name in new if name in filled.found]
    said = [line for line in facts.request if any(value in line for value in values)]
    complete = bool(new and said) and len(values) == len(new)
    return complete and not any(_HEDGED.search(line) or not asks(tool, line) for line in said)


def _is_unsure(tool: Tool, facts: Facts) -> bool:
    """Whether people name several records that a tool could change, or another than the request's head."""
    known = [one for one in fields(tool.parameters) if one.required and not one.description.startswith(NEW)]
    kinds = [one.pattern for one in known if one.pattern]
    told = facts.told[0] if facts.told else ""
    several = [kind for kind in kinds if len({match[0] for match in re.finditer(kind, told)}) > 1]
    return any(tool.changes or re.search(kind, told.partition("\n")[0]) for kind in several)


def _is_foreign(tool: Tool, filled: Filled, facts: Facts) -> bool:
    """Whether a tool would look up a single record that isn't on the list of them that was read."""
    lists = [
        str(call.result)
        for call in facts.open_calls
        if call.name.startswith(LISTS) and words(call.name)[1:] == words(tool.thing) and not call.failed
    ]
    numbers = [
        str(filled.values[one.name]) for one in fields(tool.parameters) if one.pattern and one.required
    ]
    return tool.reads and bool(lists) and not all(number in lists[-1] for number in numbers)


def _own_calls(calls: Sequence[Call]) -> Sequence[Call]:
    handed = [i for i, call in enumerate(calls) if call.name.startswith(HANDOFF)]
    return calls[handed[-1] + 1 :] if handed else calls


def _call(candidates: Sequence[_Candidate]) -> Step:
    return Step([(c.tool.name, c.filled.values) for c in candidates])


def _fill(tool: Tool, facts: Facts) -> Filled:
    return fill(tool.parameters, facts, about=f"{tool.name} {tool.description}")
