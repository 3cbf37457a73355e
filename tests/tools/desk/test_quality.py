"""Data readiness: the report says what is wrong, and nothing else."""

from __future__ import annotations

import datetime as dt

import pytest
from sqlalchemy import delete, update

from tools.desk import quality
from tools.desk.records import CustomerRow, PaymentRow

PLANTED = {
    ("gap", "C-10007", "has no e-mail address"),
    ("gap", "C-10008", "has no account to pay to"),
    ("gap", "HM-200007", "covers nothing"),
    ("contradiction", "C-10009", "has an IBAN whose check digits don't fit"),
    ("contradiction", "HM-200008", "ends on 2023-12-31, before it starts on 2024-01-01"),
    ("contradiction", "CL-400001", "is paid, but there is no payment for it"),
    (
        "contradiction",
        "CL-400002",
        "is for a loss on 2023-05-05, outside HM-200009 (2024-01-01 to 2027-12-31)",
    ),
    ("contradiction", "PAY-500001", "of 170000 cents is above the limit of 100000 cents"),
    ("contradiction", "INV-300006", "bills the same as INV-300005"),
    ("staleness", "C-10014", "was last in contact on 2021-04-06"),
    ("staleness", "CL-400004", "has been open since 2025-11-03"),
}


def told(findings):
    return {(finding.kind, finding.subject, finding.problem) for finding in findings}


async def test_exactly_what_was_planted_is_found(office):
    assert told(await quality.report(office.desk, "harbor")) == PLANTED


async def test_a_tenant_sees_its_own_defects_alone(office):
    assert told(await quality.report(office.desk, "lakeside")) == {
        ("gap", "C-10015", "has no e-mail address")
    }


async def test_what_is_repaired_is_not_reported(office):
    repair = update(CustomerRow).where(CustomerRow.customer_id == "C-10007").values(email="a@example.org")
    await office.desk.run(lambda s: s.execute(repair))
    assert "C-10007" not in {f.subject for f in await quality.report(office.desk, "harbor")}


@pytest.mark.parametrize(
    ("damage", "kind", "subject"),
    [
        (delete(PaymentRow).where(PaymentRow.payment_id == "PAY-500001"), "contradiction", "CL-"),
        (
            update(CustomerRow).where(CustomerRow.customer_id == "C-10001").values(iban=None),
            "gap",
            "C-10001",
        ),
    ],
)
async def test_new_damage_is_reported(office, damage, kind, subject):
    await office.desk.run(lambda s: s.execute(damage))
    tenants = ("harbor", "lakeside")
    found = set().union(*[told(await quality.report(office.desk, t)) for t in tenants]) - PLANTED
    new = {f for f in found if f[1] != "C-10015"}
    assert len(new) == 1
    assert [(k, s.startswith(subject)) for k, s, _ in new] == [(kind, True)]


async def test_age_counts_from_the_given_day(office):
    later = await quality.report(office.desk, "harbor", on=dt.date(2031, 1, 1))
    assert sum(f.kind == "staleness" for f in later) > 100
