"""Findings: what a checker objects to, typed, and carried until whoever raised it calls it resolved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, Field, model_validator
from typing_extensions import TypedDict

SATISFIED: Final = "satisfied"
NEEDS_REVISION: Final = "needs_revision"


class Finding(BaseModel):
    """One objection to a draft."""

    id: Annotated[
        str,
        Field(
            pattern=r"^[a-z][a-z0-9-]{1,48}$",
            description="Short name of what is wrong, such as unkept-promise; the same in every round",
        ),
    ]
    severity: Annotated[
        Literal["blocking", "minor"],
        Field(description="blocking: the draft can't go out like this; minor: it would be better otherwise"),
    ]
    what: Annotated[str, Field(min_length=3, max_length=400, description="What is wrong, in one sentence")]
    where: Annotated[str, Field(max_length=80, description="Field of the draft that it is about")]


class Review(BaseModel):
    """What a checker makes of the draft: a verdict with its findings."""

    verdict: Annotated[
        Literal["satisfied", "needs_revision"],
        Field(description="satisfied: nothing blocks the draft; needs_revision: a finding blocks it"),
    ]
    findings: Annotated[
        list[Finding], Field(max_length=20, description="What is wrong now; empty where nothing is")
    ]
    resolved: Annotated[
        list[str], Field(description="`id` of each open finding of yours that the draft has put right")
    ] = []
    proposal: Annotated[
        dict[str, str], Field(description="Field of the draft → words that would resolve the findings")
    ] = {}

    @model_validator(mode="after")
    def _verdict_follows(self) -> Review:
        blocked = any(finding.severity == "blocking" for finding in self.findings)
        if blocked != (self.verdict == NEEDS_REVISION):
            msg = "needs_revision goes with at least one blocking finding, satisfied with none"
            raise ValueError(msg)
        return self


class Held(TypedDict):
    """A finding as the conversation carries it."""

    id: str
    by: str
    severity: str
    what: str
    where: str
    state: Literal["open", "resolved"]
    draft: int
    """Number of the draft in which it was raised."""


def under_rules(review: Review, rules: Review | None) -> Review:
    """Add what code found to what a model found: a model can add findings, never wave one of code's away."""
    if rules is None:
        return review
    certain = {finding.id for finding in rules.findings}
    findings = [*rules.findings, *(f for f in review.findings if f.id not in certain)]
    blocked = any(finding.severity == "blocking" for finding in findings)
    return Review(
        verdict=NEEDS_REVISION if blocked else SATISFIED,
        findings=findings,
        resolved=sorted({*review.resolved, *rules.resolved} - {finding.id for finding in findings}),
        proposal=review.proposal | rules.proposal,
    )


def carried(held: Mapping[str, Held], by: str, review: Review, draft: int) -> dict[str, Held]:
    """The findings that a review raises, keeps open or resolves; one that it doesn't mention stays as it is.

    Returns:
        `checker/id` → finding, only those that change.
    """
    changed: dict[str, Held] = {}
    for finding in review.findings:
        key = f"{by}/{finding.id}"
        first = held[key]["draft"] if key in held else draft
        changed[key] = {**finding.model_dump(), "by": by, "state": "open", "draft": first}  # type: ignore[typeddict-item]
    for name in review.resolved:
        key = f"{by}/{name}"
        if key in held and key not in changed:
            changed[key] = {**held[key], "state": "resolved"}
    return changed


def open_findings(held: Mapping[str, Held], *, blocking: bool = False) -> list[Held]:
    """Those that nobody has called resolved, blocking ones first."""
    still = [finding for finding in held.values() if finding["state"] == "open"]
    still.sort(key=lambda finding: finding["severity"] != "blocking")
    return [finding for finding in still if not blocking or finding["severity"] == "blocking"]


def in_words(findings: Iterable[Mapping[str, Any]]) -> list[str]:
    """One line for each finding: who, what and where."""
    return [f"{f['by']}/{f['id']} ({f['severity']}, {f['where']}): {f['what']}" for f in findings]
