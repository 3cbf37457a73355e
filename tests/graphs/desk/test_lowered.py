"""A lead pays less than was assessed: the letter tells what is paid, and gives no reason that isn't one."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from tests.graphs.desk.legs import Legs
from tools.desk.database import Desk
from tools.desk.records import LetterRow

pytestmark = pytest.mark.usefixtures("prepared")
LETTER = (
    "On 20 May 2026 I ran into the back of a van. My car, insured with you under HM-200002, was repaired:"
    " invoice INV-300002, 3,240.00 EUR."
)


class Intake(Legs):
    graph_name = "sequential"


async def test_the_letter_tells_what_is_paid_after_a_lead_paid_less():
    ran = await Intake().start(LETTER, "C-10002")
    (asked,) = (it.value["action_requests"][0] for it in ran.state["__interrupt__"])
    assert asked["args"]["amount"] == 294_000
    paid = {"name": "pay_claim", "args": {**asked["args"], "amount": 100_000}}

    await ran.answer("edit", edited_action=paid)

    assert ran.outcome["status"] == "completed"
    assert "paid 1,000.00 EUR" in ran.outcome["answer"]
    letter = select(LetterRow.body).where(LetterRow.claim_id == ran.outcome["result"]["claim"])
    body = await Desk.current().read(lambda session: session.scalars(letter).one())
    assert "Amount we pay:   EUR 1,000.00" in body
    assert "2,940" not in body
    assert "less the deductible" not in body + ran.outcome["answer"]
    assert "person who approved it" in body
