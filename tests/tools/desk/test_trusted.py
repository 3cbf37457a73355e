"""Trusted sets and known values: one customer's own, within the tenant."""

from __future__ import annotations

from sqlalchemy import update

from tools.desk.records import CustomerRow
from tools.desk.trusted import find_by_email, records_of


async def test_trusted_sets_are_the_customers_own(office):
    claim = await office.call(
        "open_claim", policy_number="HM-200001", peril="fire", loss_date="2026-06-20", amount=1
    )
    iban = (await office.call("find_customer", customer_id="C-10001")).iban
    records = await records_of(office.desk, "harbor", "C-10001")
    assert records is not None
    assert records.trusted == {
        "customers": {"C-10001"},
        "policies": {"HM-200001"},
        "claims": {claim.claim_id},
        "invoices": {"INV-300001"},
        "accounts": {iban},
    }


async def test_another_tenants_customer_is_nobody(office):
    assert await records_of(office.desk, "lakeside", "C-10001") is None


async def test_find_by_email(office):
    assert await find_by_email(office.desk, "harbor", " Marta.Lindqvist@Example.ORG ") == "C-10001"
    assert await find_by_email(office.desk, "lakeside", "marta.lindqvist@example.org") is None
    assert await find_by_email(office.desk, "harbor", "nobody@example.org") is None


async def test_an_address_that_two_customers_share_identifies_neither(office):
    share = update(CustomerRow).where(CustomerRow.customer_id == "C-10002")
    await office.desk.run(lambda s: s.execute(share.values(email="marta.lindqvist@example.org")))
    assert await find_by_email(office.desk, "harbor", "marta.lindqvist@example.org") is None


async def test_known_values_have_the_spellings_of_letters(office):
    records = await records_of(office.desk, "harbor", "C-10001")
    assert records is not None
    known = records.known
    assert known["Marta Lindqvist"] == "person"
    assert known["marta.lindqvist@example.org"] == "email"
    assert known["DE85999000000041720035"] == known["DE85 9990 0000 0041 7200 35"] == "iban"
    assert known["+49 40 66969 417"] == known["+494066969417"] == "phone"
    assert known["Lindenallee 14"] == known["20457 Hamburg"] == "address"
    assert known["1984-03-09"] == known["09.03.1984"] == "birthdate"


async def test_missing_values_are_left_out(office):
    records = await records_of(office.desk, "harbor", "C-10007")
    assert records is not None
    assert "email" not in records.known.values()
    assert None not in records.known
