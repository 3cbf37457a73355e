"""A claim without an invoice is never paid by a run: the customer is asked for it, or a person looks."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from tests.graphs.desk.legs import Legs
from tools.desk.database import Desk
from tools.desk.records import ClaimRow, LetterRow, PaymentRow

pytestmark = pytest.mark.usefixtures("prepared")
LOST = (
    "On {day} 2026 the hose of our dishwasher burst and water ran through the kitchen. The plumber guesses "
    "310.00 EUR, his bill will come. Our home policy is HM-200010."
)


class Intake(Legs):
    graph_name = "sequential"


async def counted(table: type) -> int:
    return await Desk.current().read(lambda s: int(s.scalar(select(func.count()).select_from(table)) or 0))


async def letter() -> LetterRow:
    newest = select(LetterRow).order_by(LetterRow.letter_id.desc())
    return await Desk.current().read(lambda session: session.scalars(newest).first())


async def test_who_has_no_invoice_yet_is_asked_for_it_and_nothing_is_opened():
    before = [await counted(table) for table in (ClaimRow, PaymentRow)]

    ran = await Intake().start(LOST.format(day="14 May"), "C-10013")

    assert ran.outcome["status"] == "completed"
    assert [await counted(table) for table in (ClaimRow, PaymentRow)] == before
    asked = await letter()
    assert (asked.customer_id, asked.template) == ("C-10013", "more_information")
    assert "invoice for the loss of 2026-05-14" in asked.body


async def test_where_no_invoice_could_help_the_letter_says_why():
    text = "On 3 May 2026 water ran out of our boiler and cost me 480.00 EUR. Policy HM-200003."
    ran = await Intake().start(text, "C-10003")

    assert ran.outcome["status"] == "completed"
    sent = await letter()
    assert sent.template == "service_reply"
    assert "ended on 2025-12-31" in sent.body


async def test_an_invoice_on_record_that_may_be_the_one_is_put_to_a_person():
    text = "On 12 May 2026 a pipe burst in our kitchen, 486.00 EUR. Policy HM-200001."
    ran = await Intake().start(text, "C-10001")

    (asked,) = (it.value for it in ran.state["__interrupt__"])
    assert "INV-300001 on record may be the one" in str(asked)
