"""Choose: which tool helps next, or whether it is time for the final answer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from models.offline.facts import BEYOND, HANDOFF, Call, Facts
from models.offline.fill import Filled, fill
from models.offline.options import Option, by_likeness
from models.offline.text import sentences, shortlist, similarities, words
from models.offline.tool import Tool

WANTED = 0.36
"""Cosine of request and description from which a reading tool is of use."""

WANTED_TO_ACT = 0.45
"""The same for a tool whose name doesn't say that it only reads."""

TOLD = 0.5
"""Cosine of an instruction and a description from which the instruction means the tool."""

APPLIES = 0.3
"""Cosine of the request and an instruction's condition from which the condition holds."""

BETTER_ELSEWHERE = 0.12
"""How much closer a request must be to somebody else's job than to one's own."""

SECOND_CALL = 0.6
"""Relevance from which a second independent tool is called in the same turn."""

_CONDITION = re.compile(r"\b(?:if|when|where|in case|unless|should)\b\s*([^.,;:]*)", re.IGNORECASE)


@dataclass(frozen=True)
class Step:
    """What to do next: calls, or words."""

    calls: Sequence[tuple[str, dict[str, Any]]] = ()
    text: str = ""


@dataclass(frozen=True)
class _Candidate:
    tool: Tool
    filled: Filled
    relevance: float


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
    wanted = [
        c for c in _candidates(tools, facts) if c.relevance >= (WANTED if c.tool.reads else WANTED_TO_ACT)
    ]
    # What only reads comes first: what acts may need what it finds.
    wanted.sort(key=lambda c: (not c.tool.reads, -c.relevance))
    if wanted:
        second = [
            c for c in wanted[1:2] if c.relevance >= SECOND_CALL and c.tool.reads and wanted[0].tool.reads
        ]
        return _call([wanted[0], *second])
    return _hand_over([tool for tool in helpers if tool.is_handoff], facts, alone=not tools)


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
    scores = _relevance(helpers, facts)
    filled = [_fill(tool, facts) for tool in helpers]
    best = max(range(len(helpers)), key=lambda i: (not filled[i].missing, scores[i]))
    return Step([(helpers[best].name, filled[best].values)])


def _candidates(tools: Sequence[Tool], facts: Facts) -> list[_Candidate]:
    """Tools not yet called in this agent's turn whose required arguments are known, best first."""
    since = _own_calls(facts.open_calls)
    done = {call.name for call in since}
    scores = _relevance(tools, facts)
    candidates = []
    for tool, score in zip(tools, scores, strict=True):
        if tool.name in done:
            continue
        filled = _fill(tool, facts)
        # Looked up again for a further request, but never done again.
        before = facts.open_calls if tool.reads else facts.calls
        repeated = any(call.name == tool.name and call.args == filled.values for call in before)
        if not filled.missing and not repeated:
            candidates.append(_Candidate(tool, filled, score))
    return sorted(candidates, key=lambda c: -c.relevance)


def _own_calls(calls: Sequence[Call]) -> Sequence[Call]:
    handed = [i for i, call in enumerate(calls) if call.name.startswith(HANDOFF)]
    return calls[handed[-1] + 1 :] if handed else calls


def _relevance(tools: Sequence[Tool], facts: Facts) -> list[float]:
    """How much each tool is asked for: 1 and more where the job names it."""
    if not tools:
        return []
    abouts = [tool.about for tool in tools]
    request = shortlist(" ".join(abouts), facts.request)
    by_request = similarities(abouts, request).max(axis=1) if request else [0.0] * len(tools)
    plain, conditional = _instructions(facts, request)
    orders = sentences(facts.job)
    scores = []
    for i, tool in enumerate(tools):
        named = [k for k, order in enumerate(orders) if re.search(rf"\b{re.escape(tool.name)}\b", order)]
        if named and orders[named[0]] in plain:
            scores.append(2.0 - named[0] / (len(orders) + 1))
            continue
        told = _told(tool, plain + conditional)
        asked = SECOND_CALL if _named(tool, facts.told) else 0.0
        scores.append(max(float(by_request[i]), told, asked))
    return scores


def _told(tool: Tool, orders: Sequence[str]) -> float:
    """How clearly an instruction means the tool: by sense, or by the words of its name."""
    if not orders:
        return 0.0
    name = set(words(tool.name))
    literal = max(len(name & set(words(order))) / len(name) for order in orders) if name else 0.0
    sense = float(similarities([tool.about], orders).max())
    if literal == 1 and sense >= WANTED:
        return max(sense, SECOND_CALL)
    return sense if sense >= TOLD else 0.0


def _named(tool: Tool, texts: Sequence[str]) -> bool:
    """Whether people name the tool in their own words; what documents name counts for nothing."""
    name = set(words(tool.name))
    return bool(name) and any(name <= set(words(line)) for text in texts for line in sentences(text))


def _instructions(facts: Facts, request: Sequence[str]) -> tuple[list[str], list[str]]:
    """The job's sentences without a condition, and those whose condition the request meets."""
    plain, conditional = [], []
    for order in sentences(facts.job):
        condition = _CONDITION.search(order)
        if not condition:
            plain.append(order)
        elif request and float(similarities([condition[1] or order], request).max()) >= APPLIES:
            conditional.append(order)
    return plain, conditional


def _call(candidates: Sequence[_Candidate]) -> Step:
    return Step([(c.tool.name, c.filled.values) for c in candidates])


def _fill(tool: Tool, facts: Facts) -> Filled:
    return fill(tool.parameters, facts, about=f"{tool.name} {tool.description}")
