"""What code finds in a draft letter."""

from __future__ import annotations

import pytest

from tools.desk.drafting import LetterCheck

DECLINED, PAID, OPEN = "CL-400012", "CL-400007", "CL-400004"
REASON = "The papers that we asked for were not sent."


async def checked(
    office, area: str, message: str, claim: str = DECLINED, reason: str = REASON
) -> LetterCheck:
    return await office.call("check_letter", claim_id=claim, area=area, message=message, reason=reason)


def ids(found: LetterCheck) -> set[str]:
    return {finding.id for finding in found.findings}


@pytest.mark.parametrize(
    ("message", "wrong"),
    [
        ("We guarantee that all will be well.", "unkept-promise"),
        ("We will pay you soon.", "unkept-promise"),
        ("We are going to fully reimburse the bill.", "unkept-promise"),
        ("You get EUR 1,000.00 from us.", "other-amount"),
        ("You get 1.000,50 € from us.", "other-amount"),
        ("Our decision is final.", "no-appeal"),
        ("This can't be contested.", "no-appeal"),
    ],
)
async def test_compliance(office, message, wrong):
    found = await checked(office, "compliance", message)

    assert ids(found) == {wrong}
    assert found.verdict == "needs_revision"
    assert wrong not in found.resolved


@pytest.mark.parametrize(
    "message",
    [
        "You asked us for EUR 5,569.10.",
        "You asked us for 5569,10 EUR.",
        "You asked us for 5 569 pages.",
        "If you object, write to us within six weeks.",
        "We promptly looked into it; we will look at it again.",
    ],
)
async def test_what_is_true_passes(office, message):
    found = await checked(office, "compliance", message)

    assert found.verdict == "satisfied", found.findings
    assert found.resolved


async def test_what_was_decided_may_be_said(office):
    found = await checked(
        office, "compliance", "We will pay EUR 1,974.10.", PAID, "Covered; amount less the deductible."
    )

    assert found.verdict == "satisfied"


async def test_an_open_claim_has_no_reason_yet(office):
    assert ids(await checked(office, "compliance", "We are looking into it.", OPEN)) == {"undecided"}
    assert ids(await checked(office, "compliance", "We are looking into it.", OPEN, "")) == set()


async def test_the_reason_is_the_one_on_record_and_proposed(office):
    found = await checked(office, "compliance", "We are sorry.", reason="You were late.")

    assert ids(found) == {"untrue-reason"}
    assert found.proposal == {"reason": REASON}


@pytest.mark.parametrize(
    ("message", "wrong"),
    [
        ("You should have known.", "blame"),
        ("Tell them that we are sorry.", "third-person"),
        ("The customer is insured with us.", "third-person"),
        ("We are sorry. " * 60, "too-long"),
        ("We " + "see and see " * 14 + "it.", "long-sentence"),
        ("Indemnification necessitates documentary substantiation.", "hard-to-read"),
    ],
)
async def test_tone(office, message, wrong):
    found = await checked(office, "tone", message)

    assert wrong in ids(found)


async def test_a_proposal_keeps_only_whole_sentences_that_pass(office):
    found = await checked(office, "tone", "We are sorry. You obviously knew. We guarantee it. Write to us.")

    assert found.proposal == {"message": "We are sorry. Write to us."}
    again = await checked(office, "tone", found.proposal["message"])
    assert again.verdict == "satisfied"


async def test_where_nothing_is_left_nothing_is_proposed(office):
    assert (await checked(office, "tone", "You failed.")).proposal == {}
