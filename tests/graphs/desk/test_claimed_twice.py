"""A second letter for an invoice or a loss that has a claim goes to a person, who hears which claim it is."""

from __future__ import annotations

import asyncio
from datetime import date

import pytest
from sqlalchemy import func, select

from models.door import use_model
from models.scripted import ScriptedChatModel, call
from tests.graphs.desk.legs import Legs
from tools.desk.database import Desk
from tools.desk.records import InvoiceRow, PaymentRow

pytestmark = pytest.mark.usefixtures("prepared")
FACTS = {
    "policy_number": "HM-200015",
    "peril": "collision",
    "loss_date": "2025-07-31",
    "amount": 297_410,
    "invoice_number": "INV-300846",
    "summary": "A crash.",
    "confidence": 90,
}


BURST = (
    "On {day} May 2026 the hose of our dishwasher burst and water ran through the kitchen. Our home policy is"
    " HM-200010. The repair cost {cost}.00 EUR, invoice {bill}; please pay it."
)
SENT = select(func.coalesce(func.sum(PaymentRow.amount), 0))


class Intake(Legs):
    graph_name = "sequential"


class Manager(Legs):
    graph_name = "supervisor"


async def sent() -> int:
    return await Desk.current().read(lambda session: int(session.scalars(SENT).one()))


async def test_a_claimed_invoice_is_escalated_with_its_claim_and_nothing_is_opened():
    use_model(ScriptedChatModel(scripts={"": [call("ClaimFacts", **FACTS)]}))

    ran = await Intake().start("INV-300846 over 2,974.10 EUR, policy HM-200015", "C-10018")

    assert ran.outcome["status"] == "escalated"
    assert "INV-300846 is already claimed by CL-400007" in str(ran.outcome["reasons"])
    assert "open_claim" not in [entry["action"] for entry in ran.entries("settled")]


async def billed(number: str, cents: int) -> str:
    """Record a repair bill of C-10013 for the home policy; returns its number."""
    day = date(2026, 5, 20)
    row = InvoiceRow(
        invoice_number=number, customer_id="C-10013", policy_number="HM-200010", kind="repair",
        vendor="Rohrdienst Nord", description="Water damage", amount=cents, issued_on=day, due_on=day,
        status="open",
    )  # fmt: skip
    await Desk.current().run(lambda session: session.add(row))
    return number


@pytest.mark.parametrize("again", [Intake, Manager])
async def test_the_same_loss_with_another_invoice_is_paid_once(again):
    before = await sent()
    first, other = [await billed(f"INV-3999{n}", 31_000) for n in (91, 92)]
    paid = await Intake().start(BURST.format(day=14, cost=310, bill=first), "C-10013")
    assert paid.outcome["status"] == "completed"

    second = await again().start(BURST.format(day=14, cost=310, bill=other), "C-10013")

    assert second.outcome["status"] == "escalated"
    assert f"is already claimed by {paid.outcome['result']['claim']}" in str(second.outcome["reasons"])
    assert await sent() - before == 16_000


async def test_the_same_letter_twice_at_once_is_paid_once():
    before = await sent()
    letter = BURST.format(day=14, cost=310, bill=await billed("INV-399991", 31_000))

    ran = await asyncio.gather(*(Intake().start(letter, "C-10013") for _ in range(2)))

    assert sorted(run.outcome["status"] for run in ran) == ["completed", "escalated"]
    assert await sent() - before == 16_000


async def test_payments_for_one_loss_that_exceed_the_limit_together_need_a_yes():
    bills = await billed("INV-399991", 31_000), await billed("INV-399992", 64_000)
    await Intake().start(BURST.format(day=14, cost=310, bill=bills[0]), "C-10013")
    before = await sent()

    second = await Intake().start(BURST.format(day=15, cost=640, bill=bills[1]), "C-10013")

    assert "__interrupt__" in second.state, second.state.get("outcome")
    assert await sent() == before
    await second.answer()
    assert second.outcome["status"] == "completed"
    assert await sent() - before == 49_000
