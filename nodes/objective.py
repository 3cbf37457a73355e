"""Objective: what a run is for, fixed before an agent speaks; each assignment is measured against it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence

from langchain_core.messages import AnyMessage, HumanMessage

from governance.acts import Json
from governance.control import control
from governance.principals import Run
from models.embeddings import minilm

_DOCUMENT = re.compile(r"<document\b[^>]*>(.*?)(?:</document\s*>|\Z)", re.DOTALL | re.IGNORECASE)
_ADMITTED = re.compile(r"^Customer: .*$", re.MULTILINE)
_RECORD = re.compile(r"\b[A-Z]{1,4}-\d{3,}\b|<[a-z]+:[0-9a-f]{12}>")
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")


def objective_of(messages: Sequence[AnyMessage]) -> str:
    """What people asked for in their own words; what outsiders wrote only where that is all there is."""
    asked = "\n".join(m.text for m in messages if isinstance(m, HumanMessage))
    own = _ADMITTED.sub("", _DOCUMENT.sub("", asked)).strip()
    return own or "\n".join(_DOCUMENT.findall(asked)).strip()


async def measure(task: str, objective: str, messages: Sequence[AnyMessage], run: Run) -> dict[str, Json]:
    """How a task stands to the objective, for policy to judge.

    Returns:
        `likeness`: cosine, in percent, of the task's most distant sentence with the sentence of the
        objective that is closest to it (0 where they point away from each other). `unknown`: record
        numbers and tokens of the task that neither people's requests nor our own records know.
    """
    asked = " ".join(m.text for m in messages if isinstance(m, HumanMessage))
    known = records_in(asked) | await control().trusted(run.id)
    like = await asyncio.to_thread(likeness, task, objective)
    return {"likeness": like, "unknown": sorted(records_in(task) - known)}


def records_in(text: str) -> frozenset[str]:
    """Record numbers, such as `HM-200001`, and tokens of personal values in a text."""
    return frozenset(_RECORD.findall(text))


def likeness(task: str, objective: str) -> int:
    """Cosine, in percent, of the task's most distant sentence with what it is closest to; computed here."""
    asked, wanted = _sentences(task), _sentences(objective)
    if not asked or not wanted:
        return 0
    # Every sentence of the task must be about the request: one among many is enough to do harm.
    cosines = minilm().embed(asked) @ minilm().embed([*wanted, objective]).T
    return max(0, round(100 * float(cosines.max(axis=1).min())))


def _sentences(text: str) -> list[str]:
    """Sentences of at least two words; the whole text where there is none."""
    found = [part.strip() for part in _SENTENCE.split(text)]
    return [part for part in found if len(part.split()) > 1] or list(filter(None, [text.strip()]))
