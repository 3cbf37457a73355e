"""What the records say for and against a claim."""

from __future__ import annotations

import datetime as dt

import pytest
from sqlalchemy import update

from tools.desk import errors
from tools.desk.records import ClaimRow, InvoiceRow

LOSS = {"policy_number": "HM-200001", "peril": "water_damage", "loss_date": "2026-06-20", "amount": 48_600}
DAY = dt.timedelta(days=1)


async def opened(office, **changes):
    claim = await office.call("open_claim", **(LOSS | {"invoice_number": "INV-300001"} | changes))
    return claim.claim_id


async def change(office, row, number, **values):
    key = next(iter(row.__table__.primary_key))
    await office.desk.run(lambda s: s.execute(update(row).where(key == number).values(**values)))


async def test_a_claim_whose_papers_fit_has_no_signals(office):
    claim = await opened(office)

    found = await office.call("claim_signals", claim_id=claim)

    assert (found.signals, found.severe) == (0, False)
    cost = await office.call("compare_cost", claim_id=claim)
    assert (cost.payable, cost.billed, cost.unusual) == (33_600, True, False)
    assert cost.usual
    history = await office.call("claim_history", claim_id=claim)
    assert (history.concerns, history.suspended) == (0, False)


@pytest.mark.parametrize(
    ("row", "values", "severe", "told"),
    [
        (ClaimRow, {"opened_on": dt.date(2026, 6, 19)}, True, "before the loss"),
        (InvoiceRow, {"issued_on": dt.date(2026, 6, 19)}, True, "INV-300001 is of 2026-06-19"),
        (InvoiceRow, {"amount": 48_601}, False, "48600 cents are claimed and 48601 billed"),
        (ClaimRow, {"loss_date": dt.date(2025, 1, 30)}, False, "the policy began on 2025-01-01"),
        (ClaimRow, {"invoice_number": None}, False, "no bill"),
    ],
    ids=["reported early", "billed early", "another amount", "new policy", "no bill"],
)
async def test_what_does_not_fit_is_a_signal(office, row, values, severe, told):
    claim = await opened(office)
    await change(office, row, claim if row is ClaimRow else "INV-300001", **values)

    found = await office.call("claim_signals", claim_id=claim)

    assert (found.signals, found.severe) == (1, severe)
    assert told in found.reason


async def test_an_amount_far_above_the_usual_is_unusual(office):
    claim = await opened(office)
    usual = (await office.call("compare_cost", claim_id=claim)).usual
    for amount, unusual in ((3 * usual, False), (3 * usual + 1, True)):
        await change(office, ClaimRow, claim, amount=amount)

        found = await office.call("compare_cost", claim_id=claim)

        assert (found.unusual, found.billed, found.usual) == (unusual, False, usual)


async def test_an_overdue_premium_suspends_the_policy_it_is_for(office):
    claim = await opened(office)
    for policy, suspended in (("HM-200001", True), ("HM-200002", False)):
        overdue = {"kind": "premium", "status": "overdue", "customer_id": "C-10001", "policy_number": policy}
        await change(office, InvoiceRow, "INV-300002", due_on=dt.date(2026, 6, 19), **overdue)

        found = await office.call("claim_history", claim_id=claim)

        assert (found.concerns, found.suspended) == (1, suspended)
    await change(office, InvoiceRow, "INV-300002", due_on=dt.date(2026, 6, 20))
    assert (await office.call("claim_history", claim_id=claim)).concerns == 0


async def test_several_claims_within_a_year_are_a_concern(office):
    others = [await opened(office, invoice_number=None, loss_date=f"2026-0{month}-10") for month in (3, 4)]
    claim = await opened(office)

    found = await office.call("claim_history", claim_id=claim)
    assert (found.earlier_claims, found.concerns) == (2, 1)

    await change(office, ClaimRow, others[0], loss_date=dt.date(2025, 6, 20))
    assert (await office.call("claim_history", claim_id=claim)).concerns == 0
    await change(office, ClaimRow, others[1], status="declined")
    found = await office.call("claim_history", claim_id=claim)
    assert f"{others[1]} declined" in found.reason


@pytest.mark.parametrize("tool", ["claim_signals", "compare_cost", "claim_history"])
async def test_another_tenants_claim_does_not_exist(office, tool):
    claim = await opened(office)

    with pytest.raises(errors.UnknownRecord):
        await office.of("lakeside").call(tool, claim_id=claim)
