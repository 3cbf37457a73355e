"""Letter drafting: who writes, who checks, and the rules that their words are held against."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, Field

from nodes.agent import Lookup
from nodes.chat import Checker, Rules
from nodes.desk.agents import PROMPTS
from nodes.finding import Review
from nodes.team import Agent
from tools.desk.claims import get_claim
from tools.desk.drafting import check_letter
from tools.desk.terms import ClaimId
from tools.desk.wording import search_wording


class LetterDraft(BaseModel):
    """What a letter about a claim says between the greeting and the signature."""

    claim_id: ClaimId
    reason: Annotated[
        str | None, Field(max_length=2000, description="Reason for the decision, as it is on record")
    ] = None
    message: Annotated[
        str, Field(min_length=3, max_length=2000, description="Message to the customer, in plain sentences")
    ]


class LetterReview(Review):
    """What is wrong with the draft of the letter, and whether it can go out."""


WRITER = Agent(
    name="writer",
    kind="drafting",
    job="Draft a letter to a customer about a claim.",
    prompt=PROMPTS / "draft-letter.md",
    owner="claims",
    tools=(get_claim, search_wording),
    returns=LetterDraft,
)

LETTER_COMPLIANCE = Agent(
    name="letter_compliance",
    kind="letter-compliance",
    job="Examine whether a letter keeps to the decision and the law.",
    prompt=PROMPTS / "letter-compliance.md",
    owner="compliance",
    returns=LetterReview,
)

TONE = Agent(
    name="tone",
    kind="letter-tone",
    job="Examine how a draft reads for whoever receives it.",
    prompt=PROMPTS / "letter-tone.md",
    owner="service",
    returns=LetterReview,
)


def held_against(area: str) -> Rules:
    """The desk's rules of one area, read through the gateway."""

    async def rules(draft: Mapping[str, Any], lookup: Lookup) -> Mapping[str, Any]:
        args = {name: value for name, value in draft.items() if value is not None}
        found: Mapping[str, Any] = await lookup(check_letter, area=area, **args)
        return found

    return rules


CHECKERS = (
    Checker(LETTER_COMPLIANCE, rules=held_against("compliance")),
    Checker(TONE, rules=held_against("tone")),
)


def in_the_letter(draft: Mapping[str, Any]) -> str:
    """The draft as it would stand in the letter."""
    return "\n\n".join(part for part in (draft["reason"], draft["message"]) if part)
