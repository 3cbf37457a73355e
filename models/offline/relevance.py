"""Relevance: how much a request and an agent's orders ask for each tool."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from models.offline.facts import Facts
from models.offline.text import sentences, shortlist, similarities, words
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

_CONDITION = re.compile(r"\b(?:if|when|where|in case|unless|should)\b\s*([^.,;:]*)", re.IGNORECASE)
_QUESTION = re.compile(r"^(?!\W*(?:could|can|would|will|please)\b).*\?\W*$", re.IGNORECASE | re.DOTALL)
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
    weighed = []
    for i, tool in enumerate(tools):
        named = [k for k, order in enumerate(orders) if re.search(rf"\b{re.escape(tool.name)}\b", order)]
        if named and orders[named[0]] in plain:
            weighed.append(Relevance(2.0 - named[0] / (len(orders) + 1), due=True))
            continue
        told = max(_told(tool, plain + conditional), SURE if _named(tool, facts.told) else 0.0)
        weighed.append(Relevance(max(float(asked[i].max()), told), due=told > 0 or i in closest))
    return weighed


def _asked_for(tool: Tool, request: Sequence[str]) -> NDArray[np.float32]:
    """How close each sentence comes to what a tool is for; a question asks for nothing to be changed."""
    if not request:
        return np.zeros(1, dtype=np.float32)
    cosines = similarities(tool.senses, request).max(axis=0)
    nothing = np.array([tool.changes and bool(_QUESTION.match(line)) for line in request])
    return np.where(nothing, np.float32(0), cosines)


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


def _named(tool: Tool, texts: Sequence[str]) -> bool:
    """Whether people name the tool in their own words; what documents name counts for nothing."""
    name = set(words(tool.name))
    return bool(name) and any(name <= set(words(line)) for text in texts for line in sentences(text))
