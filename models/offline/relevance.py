"""Relevance: how much a request and an agent's orders ask for each tool."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from models.offline.facts import Facts
from models.offline.text import WAIVED, sentences, shortlist, similarities, words
from models.offline.tool import Tool

if TYPE_CHECKING:
    from numpy.typing import NDArray

WANTED = 0.36
"""Cosine of request and description from which a reading tool is of use."""

TOLD = 0.5
"""Cosine of an instruction and a description from which the instruction means the tool."""

APPLIES = 0.3
"""Cosine of the request and an instruction's condition from which the condition holds."""

SURE = 0.6
"""What a tool counts that somebody names."""

_ASKS = re.compile(r"\?|\b(?:what|which|whose|who|how|when|where|whether|show|tell|read me)\b", re.IGNORECASE)
_CONDITION = re.compile(r"\b(?:if|when|where|in case|unless|should)\b\s*([^.,;:]*)", re.IGNORECASE)
_QUESTION = re.compile(r"^(?!\W*(?:could|can|would|will|please)\b).*\?\W*$", re.IGNORECASE | re.DOTALL)
_NOTHING = re.compile(
    r"\b(?:do|note|change|record|write) nothing\b"
    r"|\bleave (?:everything|all|things|it) as (?:it is|they are)\b",
    re.IGNORECASE,
)
_ROLE = re.compile(r"^\W*you\b(?!\s+(?:must|should|have to|need to|always)\b)", re.IGNORECASE)


@dataclass(frozen=True)
class Relevance:
    """How much a tool is asked for.

    Attributes:
        score: A cosine; 1 and more where the job names it.
        due: An order or a person means it, or no other tool is closer to some sentence of the request.
    """

    score: float
    due: bool


def relevance(tools: Sequence[Tool], usable: Sequence[bool], facts: Facts) -> list[Relevance]:
    """Weigh each tool.

    Args:
        usable: Whether the tool was called or could be; only these compete for a sentence.
    """
    request = shortlist(" ".join(tool.about for tool in tools), facts.request)
    asked = np.array([_asked_for(tool, request) for tool in tools])
    closest = set(np.where(np.array(usable)[:, None], asked, -1.0).argmax(axis=0).tolist())
    orders = sentences(facts.job)
    plain, conditional = _instructions(facts, request)
    settled = _only_asks(tools, asked, request)
    refused = any(_NOTHING.search(line) for line in facts.request)
    weighed = []
    for i, tool in enumerate(tools):
        named = [k for k, order in enumerate(orders) if re.search(rf"\b{re.escape(tool.name)}\b", order)]
        ordered = bool(named) and orders[named[0]] in plain
        wished = ordered or (i in closest and asked[i].max() >= WANTED)
        if tool.changes and (refused or (settled and not wished)):
            weighed.append(Relevance(0.0, due=False))
            continue
        if ordered:
            weighed.append(Relevance(2.0 - named[0] / (len(orders) + 1), due=True))
            continue
        told = max(_told(tool, plain + conditional), SURE if _named(tool, facts) else 0.0)
        weighed.append(Relevance(max(float(asked[i].max()), told), due=told > 0 or i in closest))
    return weighed


def asks(tool: Tool, line: str) -> bool:
    """Whether a sentence may ask for a tool.

    A question asks for nothing to be changed, nor does what says that there is no need; whoever writes
    the identifier of a tool that changes something wants to steer a machine, and is no customer.
    """
    steers = "_" in tool.name and tool.name in line
    return not (tool.changes and (steers or _QUESTION.match(line) or WAIVED.search(line)))


def _asked_for(tool: Tool, request: Sequence[str]) -> NDArray[np.float32]:
    """How close each sentence comes to what a tool is for."""
    if not request:
        return np.zeros(1, dtype=np.float32)
    cosines = similarities(tool.senses, request).max(axis=0)
    return np.where([asks(tool, line) for line in request], cosines, np.float32(0))


def _only_asks(tools: Sequence[Tool], asked: NDArray[np.float32], request: Sequence[str]) -> bool:
    """Whether something is asked that can be looked up: then no standing order to write holds."""
    best = asked.argmax(axis=0)
    return any(
        _ASKS.search(line) and tools[best[k]].reads and asked[best[k], k] >= WANTED
        for k, line in enumerate(request)
    )


def _instructions(facts: Facts, request: Sequence[str]) -> tuple[list[str], list[str]]:
    """The job's orders without a condition, and those whose condition the request meets."""
    plain, conditional = [], []
    for order in _orders(facts.job):
        condition = _CONDITION.search(order)
        if not condition:
            plain.append(order)
        elif request and float(similarities([condition[1] or order], request).max()) >= APPLIES:
            conditional.append(order)
    return plain, conditional


def _orders(job: str) -> list[str]:
    """The job's sentences without those that say what somebody is for: its first paragraph, and "You …"."""
    first, _, rest = job.partition("\n\n")
    return [order for order in sentences(rest or first) if not _ROLE.match(order)]


def _told(tool: Tool, orders: Sequence[str]) -> float:
    """How clearly an instruction means the tool: by sense, or by the words of its name."""
    if not orders:
        return 0.0
    name = set(words(tool.name))
    literal = max(len(name & set(words(order))) / len(name) for order in orders) if name else 0.0
    sense = float(similarities([tool.about], orders).max())
    if literal == 1 and sense >= WANTED:
        return max(sense, SURE)
    return sense if sense >= TOLD else 0.0


def _named(tool: Tool, facts: Facts) -> bool:
    """Whether people name the tool in their own words; what documents name counts for nothing."""
    name = set(words(tool.name))
    lines = (line for text in facts.told for line in sentences(text))
    return bool(name) and any(name <= set(words(line)) and asks(tool, line) for line in lines)
