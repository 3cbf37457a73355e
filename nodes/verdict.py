"""Verdicts: what the members of a team conclude side by side, and who could not say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from nodes.state import RunState, merge

MOST_FINDINGS = 8


class Finding(BaseModel):
    """One piece of evidence."""

    source: Annotated[str, Field(min_length=1, max_length=120, description="Record, tool or document")]
    quote: Annotated[str, Field(min_length=1, max_length=600, description="What it says, word for word")]


class Verdict(BaseModel):
    """What an agent concludes; a subclass narrows `choice` to a `Literal`, bold choices first."""

    model_config = ConfigDict(extra="forbid")

    choice: str
    confidence: Annotated[int, Field(ge=0, le=100, description="How sure you are, from 0 to 100")]
    reason: Annotated[str, Field(min_length=3, max_length=800, description="Why, in one to three sentences")]
    evidence: Annotated[
        list[Finding], Field(min_length=1, max_length=MOST_FINDINGS, description="What the verdict rests on")
    ]


Given = Mapping[str, dict[str, Any]]
"""Branch → its verdict as JSON, in the team's order."""


class Absence(TypedDict):
    """Why a branch has no verdict; `status` is the `governance.outcome.Status` that it calls for."""

    branch: str
    status: str
    error: str
    """Name of what was raised, such as `ModelFailed` or `TimeoutError`."""
    reason: str


class TeamState(RunState):
    """A run's state with what its branches found."""

    verdicts: Annotated[dict[str, dict[str, Any]], merge]
    absences: Annotated[dict[str, Absence], merge]


def choices_of(schema: type[BaseModel] | None) -> tuple[str, ...]:
    """The choices that a verdict's schema declares; none where it isn't a verdict's."""
    if schema is None or not issubclass(schema, Verdict):
        return ()
    annotation = schema.model_fields["choice"].annotation
    return tuple(map(str, get_args(annotation))) if get_origin(annotation) is Literal else ()


def supporters(verdicts: Given, choice: str) -> list[str]:
    """The branches that say so, in the team's order."""
    return [name for name, verdict in verdicts.items() if verdict["choice"] == choice]


def distinct(verdicts: Given) -> list[str]:
    """The choices that were made, in the order in which the team made them first."""
    return list(dict.fromkeys(verdict["choice"] for verdict in verdicts.values()))


def confidence(verdicts: Iterable[Mapping[str, Any]]) -> int:
    """The mean confidence, 0 to 100, rounded down; 0 of none."""
    given = [int(verdict["confidence"]) for verdict in verdicts]
    return sum(given) // len(given) if given else 0
