"""Outcomes: how a run ends, in one typed word with reasons."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from typing_extensions import TypedDict


class Status(StrEnum):
    """How a run ended; where several apply, the first of this list wins."""

    CANCELLED = "cancelled"
    DENIED = "denied"
    REJECTED = "rejected"
    BUDGET_EXHAUSTED = "budget_exhausted"
    LOOP_DETECTED = "loop_detected"
    LIMIT_REACHED = "limit_reached"
    ESCALATED = "escalated"
    FAILED = "failed"
    PARTIAL = "partial"
    COMPLETED = "completed"


class Evidence(TypedDict):
    """A source that an answer rests on."""

    source: str
    """Document and section (`home-wording § 4.2`) or record (`policy HM-100234`)."""
    quote: str


class Outcome(TypedDict):
    """The typed end of a run."""

    status: str
    """A `Status` value."""
    answer: str
    reasons: list[str]
    evidence: list[Evidence]
    dissent: list[dict[str, Any]]
    undone: list[str]
    """What was left undone, by step or branch name."""
    result: dict[str, Any]
    """The pattern's typed result, such as the decision on a claim."""
    usage: dict[str, int]
    """Spent by the run, in the units of `governance.acts.Cost`."""


def worst(statuses: list[Status]) -> Status:
    """The status that wins where several apply."""
    order = list(Status)
    return min(statuses, key=order.index, default=Status.COMPLETED)
