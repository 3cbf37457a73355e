"""The seed: the same rows everywhere, plausible, and with the customers of the examples."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections import Counter

import pytest

from tools.desk.iban import is_valid, printed, with_check_digits
from tools.desk.seed import seed_rows
from tools.desk.seed_ledger import REFERENCE_DATE
from tools.desk.terms import PERILS_OF

DEFECTIVE = {"C-10009"}


@pytest.fixture(scope="module")
def rows():
    return seed_rows()


def digest(rows):
    return hashlib.sha256(json.dumps(rows, default=str, sort_keys=True).encode()).hexdigest()


def test_seeding_twice_makes_the_same_rows(rows):
    assert digest(seed_rows()) == digest(rows)


async def test_the_database_holds_exactly_the_seed(office, rows):
    stored = await office.rows(without={"desk_applied", "desk_letters"})
    assert {name: len(found) for name, found in stored.items()} == {n: len(r) for n, r in rows.items()}
    named = {row["customer_id"]: row["iban"] for row in rows["desk_customers"]}
    assert {row[0]: row[9] for row in stored["desk_customers"]} == named


def test_size_and_variety(rows):
    tenants = Counter(row["tenant"] for row in rows["desk_customers"])
    assert tenants["harbor"] >= 150
    assert tenants["lakeside"] >= 90
    assert len(rows["desk_policies"]) >= 300
    assert {row["product"] for row in rows["desk_policies"]} == set(PERILS_OF)
    assert {row["status"] for row in rows["desk_policies"]} == {"active", "lapsed", "cancelled"}
    assert {row["status"] for row in rows["desk_claims"]} == {
        "open",
        "approved",
        "declined",
        "paid",
        "withdrawn",
    }
    premiums = [row for row in rows["desk_invoices"] if row["kind"] == "premium"]
    assert {row["status"] for row in premiums} == {"open", "paid", "overdue"}
    assert len({row["deductible"] for row in rows["desk_policies"]}) >= 6
    assert {row["kind"] for row in rows["desk_notes"]} == {"question", "complaint", "note", "callback"}
    assert len({row["name"] for row in rows["desk_customers"]}) > 200
    assert len({row["country"] for row in rows["desk_customers"]}) == 8


def test_contacts_are_unique_and_accounts_valid(rows):
    customers = rows["desk_customers"]
    emails = [row["email"] for row in customers if row["email"]]
    assert len(set(emails)) == len(emails)
    assert all(email.rsplit("@")[1] in {"example.org", "example.com", "example.net"} for email in emails)
    wrong = {row["customer_id"] for row in customers if row["iban"] and not is_valid(row["iban"])}
    assert wrong == DEFECTIVE
    ages = {(REFERENCE_DATE - row["birthdate"]).days // 365 for row in customers}
    assert min(ages) >= 18
    assert max(ages) < 90


def test_no_account_is_of_a_bank_that_exists(rows):
    assert all(
        row["iban"][4:].startswith(("999", "HRBM", "009")) for row in rows["desk_customers"] if row["iban"]
    )


def test_nothing_happened_after_the_reference_date(rows):
    for table, dates in {
        "desk_claims": ("loss_date", "opened_on", "settled_on"),
        "desk_payments": ("paid_on",),
        "desk_notes": ("noted_on",),
        "desk_invoices": ("issued_on", "paid_on"),
    }.items():
        for row in rows[table]:
            assert all(row[name] is None or row[name] <= REFERENCE_DATE for name in dates), row


@pytest.mark.parametrize(("tenant", "february", "march"), [("harbor", 9, 18), ("lakeside", 4, 4)])
def test_water_damage_doubles_in_harbors_march(rows, tenant, february, march):
    own = {row["customer_id"] for row in rows["desk_customers"] if row["tenant"] == tenant}
    months = Counter(
        (row["loss_date"].year, row["loss_date"].month)
        for row in rows["desk_claims"]
        if row["peril"] == "water_damage" and row["customer_id"] in own
    )
    assert (months[2026, 2], months[2026, 3]) == (february, march)


@pytest.mark.parametrize(
    ("number", "name", "email", "policy", "status", "deductible"),
    [
        ("C-10001", "Marta Lindqvist", "marta.lindqvist@example.org", "HM-200001", "active", 15_000),
        ("C-10002", "Jonas Albrecht", "jonas.albrecht@example.com", "HM-200002", "active", 30_000),
        ("C-10003", "Elena Moretti", "elena.moretti@example.net", "HM-200003", "lapsed", 15_000),
        ("C-10004", "Pieter de Vries", "pieter.devries@example.org", "HM-200004", "active", 5_000),
        ("C-10005", "Sofia Papadaki", "sofia.papadaki@example.com", "HM-200005", "active", 20_000),
        ("C-10006", "Viktor Hale", "viktor.hale@example.net", "HM-200006", "active", 10_000),
    ],
)
async def test_the_customers_of_the_examples(office, number, name, email, policy, status, deductible):
    customer = await office.call("find_customer", customer_id=number)
    assert (customer.name, customer.email) == (name, email)
    assert is_valid(customer.iban)
    held = await office.call("get_policy", policy_number=policy)
    assert (held.customer_id, held.status, held.deductible) == (number, status, deductible)
    assert held.start == dt.date(2025, 1, 1)


def test_check_digits_by_the_standards_own_examples():
    for iban in ("DE89370400440532013000", "NL91ABNA0417164300", "GB29NWBK60161331926819"):
        assert is_valid(iban)
        assert with_check_digits(iban[:2], iban[4:]) == iban
        assert not is_valid(iban[:-1] + str((int(iban[-1]) + 1) % 10))
    assert not is_valid("DE8937040044053201300")
    assert printed("NL91ABNA0417164300") == "NL91 ABNA 0417 1643 00"
