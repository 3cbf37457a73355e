"""Drafting: what code can tell about the draft of a letter, held against the claim that it is about."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, Field

from tools.desk import lookup
from tools.desk.database import Desk
from tools.desk.terms import ClaimId, Reason, Text
from tools.spec import Caller, tool

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from tools.desk.records import ClaimRow

MAX_WORDS = 160
MAX_SENTENCE_WORDS = 28
READING_EASE = 40.0
"""Flesch's measure: 100 is very easy, below 30 only specialists read on."""

_MONEY = re.compile(r"(?:EUR|€)\s?(\d[\d.,]*\d|\d)|(\d[\d.,]*\d|\d)\s?(?:EUR|€|euros?\b)", re.IGNORECASE)
_PROMISE = re.compile(
    r"\b(?:guarantee\w*|promise\w*|assure\w*|in any case|definitely|without fail)\b", re.IGNORECASE
)
_PAYING = re.compile(
    r"\b(?:will|shall|are going to)\s(?:\w+\s)?(?:pay|reimburse|refund|transfer)\b", re.IGNORECASE
)
_NO_APPEAL = re.compile(r"\b(?:is final|no appeal|can(?:no|')t be contested|not open to)\b", re.IGNORECASE)
_BLAME = re.compile(
    r"\b(?:obviously|your own fault|you should have|as you (?:should )?know|you failed|careless\w*)\b",
    re.IGNORECASE,
)
_ABOUT = re.compile(r"\b(?:the customer|tell (?:him|her|them)|write to (?!us\b)\w+|draft a)\b", re.IGNORECASE)
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z<])")
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")  # noqa: RUF001 - letters have typographic apostrophes
_VOWELS = re.compile(r"[aeiouy]+")


class Objection(BaseModel):
    """One thing that is wrong with a draft, and in which part of it."""

    id: str
    severity: Literal["blocking", "minor"]
    what: str
    where: str


class LetterCheck(BaseModel):
    """What is wrong and what is not; `proposal` has words that would pass, by part."""

    verdict: Literal["satisfied", "needs_revision"]
    findings: list[Objection]
    resolved: list[str]
    proposal: dict[str, str]


@tool(owner="compliance", data=("claims",), needs=("desk",))
async def check_letter(
    claim_id: ClaimId,
    area: Annotated[Literal["compliance", "tone"], Field(description="Which rules to hold it against")],
    message: Annotated[Text, Field(description="The message of the draft")],
    reason: Reason = "",
    *,
    desk: Desk,
    caller: Caller,
) -> LetterCheck:
    """Hold a draft letter about a claim against the rules and the record.

    Raises:
        UnknownRecord: The claim is not in the caller's tenant.
    """

    def work(session: Session) -> LetterCheck:
        claim = lookup.claim(session, caller, claim_id)
        rules = {"compliance": _compliance(claim, reason, message), "tone": _tone(message)}
        found = {objection.id: objection for objection in rules[area]}
        blocked = any(objection.severity == "blocking" for objection in found.values())
        return LetterCheck(
            verdict="needs_revision" if blocked else "satisfied",
            findings=list(found.values()),
            resolved=sorted(_IDS[area] - set(found)),
            proposal=_proposal(claim, reason, message) if blocked else {},
        )

    return await desk.read(work)


_IDS = {
    "compliance": {"unkept-promise", "other-amount", "no-appeal", "untrue-reason", "undecided"},
    "tone": {"blame", "third-person", "too-long", "long-sentence", "hard-to-read"},
}


def _compliance(claim: ClaimRow, reason: str, message: str) -> Iterator[Objection]:
    """No promise beyond the decision, no other sums, the reason on record, and the way to object open."""
    yield from _of_claim(claim, message)
    if claim.status not in ("approved", "paid", "declined"):
        if reason:
            what = f"the claim is {claim.status}, so the letter can give no reason for a decision"
            yield Objection(id="undecided", severity="blocking", what=what, where="reason")
    elif claim.reason and claim.reason.rstrip(".").casefold() not in reason.casefold():
        what = "the reason is not the one on record, which the customer is entitled to"
        yield Objection(id="untrue-reason", severity="blocking", what=what, where="reason")


def _of_claim(claim: ClaimRow, message: str) -> Iterator[Objection]:
    will_pay = claim.status in ("approved", "paid")
    if _PROMISE.search(message) or (_PAYING.search(message) and not will_pay):
        what = f"it promises more than the decision: the claim is {claim.status}"
        yield Objection(id="unkept-promise", severity="blocking", what=what, where="message")
    known = {claim.amount, *([claim.payable] if will_pay and claim.payable else [])}
    others = sorted(set(_amounts(message)) - known)
    if others:
        named = ", ".join(f"{cents / 100:,.2f} EUR" for cents in others)
        what = f"it names {named}, which is not in the decision"
        yield Objection(id="other-amount", severity="blocking", what=what, where="message")
    if _NO_APPEAL.search(message):
        what = "it shuts the door on objecting, which the customer may do within six weeks"
        yield Objection(id="no-appeal", severity="blocking", what=what, where="message")


def _tone(message: str) -> Iterator[Objection]:
    """To the reader, without blame, short and readable."""
    if _BLAME.search(message):
        yield Objection(id="blame", severity="blocking", what="it blames the customer", where="message")
    if _ABOUT.search(message):
        what = "it speaks about the customer; speak to the reader"
        yield Objection(id="third-person", severity="blocking", what=what, where="message")
    sentences = [_WORD.findall(sentence) for sentence in _SENTENCE.split(message)]
    words = [word for sentence in sentences for word in sentence]
    if len(words) > MAX_WORDS:
        what = f"it has {len(words)} words; {MAX_WORDS} are enough"
        yield Objection(id="too-long", severity="blocking", what=what, where="message")
    if max(map(len, sentences)) > MAX_SENTENCE_WORDS:
        what = f"a sentence has more than {MAX_SENTENCE_WORDS} words"
        yield Objection(id="long-sentence", severity="minor", what=what, where="message")
    if words and _reading_ease(words, len(sentences)) < READING_EASE:
        what = f"it is hard to read: below {READING_EASE:.0f} on Flesch's scale"
        yield Objection(id="hard-to-read", severity="minor", what=what, where="message")


def _proposal(claim: ClaimRow, reason: str, message: str) -> dict[str, str]:
    """The sentences that no rule of any area objects to, and the reason on record; nothing is invented."""
    kept = [
        sentence
        for sentence in _SENTENCE.split(message)
        if not any(o.severity == "blocking" for o in [*_of_claim(claim, sentence), *_tone(sentence)])
    ]
    proposed = {"message": " ".join(kept)} if kept and " ".join(kept) != message else {}
    if claim.reason and any(o.where == "reason" for o in _compliance(claim, reason, message)):
        proposed["reason"] = claim.reason
    return proposed


def _amounts(text: str) -> Iterator[int]:
    """Sums of money in the text, in cents; the last separator before two digits is the decimal one."""
    for match in _MONEY.finditer(text):
        whole, cents = re.fullmatch(r"(.*?)(?:[.,](\d{2}))?", match[1] or match[2]).groups()  # type: ignore[union-attr]
        yield int(re.sub(r"\D", "", whole) or 0) * 100 + int(cents or 0)


def _reading_ease(words: list[str], sentences: int) -> float:
    syllables = sum(max(1, len(_VOWELS.findall(word.lower()))) for word in words)
    return 206.835 - 1.015 * len(words) / sentences - 84.6 * syllables / len(words)
