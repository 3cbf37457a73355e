"""Measures: each number is what plain SQL says, of one's own tenant, and of nobody in particular."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from governance.errors import TowerError

WATER = "c.peril = 'water_damage'"
CLAIMS = (
    "SELECT {value} FROM desk_claims c JOIN desk_customers p ON p.customer_id = c.customer_id"
    " WHERE p.tenant = '{tenant}' AND {where}"
)
PAYMENTS = (
    "SELECT {value} FROM desk_payments y JOIN desk_claims c ON c.claim_id = y.claim_id"
    " JOIN desk_customers p ON p.customer_id = c.customer_id"
    " WHERE p.tenant = '{tenant}' AND y.status = 'sent' AND {where}"
)
COMPLAINTS = (
    "SELECT {value} FROM desk_notes n JOIN desk_customers p ON p.customer_id = n.customer_id"
    " WHERE p.tenant = '{tenant}' AND n.kind = 'complaint' AND {where}"
)
ABOUT_CLAIMS = (
    "SELECT {value} FROM desk_complaints k JOIN desk_claims c ON c.claim_id = k.claim_id"
    " JOIN desk_customers p ON p.customer_id = c.customer_id WHERE p.tenant = '{tenant}' AND {where}"
)
ANSWERS = [
    (
        {"quantity": "claims_opened", "peril": "water_damage", "since": "2026-03-01", "until": "2026-03-31"},
        CLAIMS,
        "count(*)",
        f"{WATER} AND c.opened_on BETWEEN '2026-03-01' AND '2026-03-31'",
    ),
    (
        {"quantity": "claims_opened", "status": "declined"},
        CLAIMS,
        "count(*)",
        "c.status = 'declined'",
    ),
    (
        {"quantity": "claims_decided", "since": "2026-04-01", "until": "2026-04-30"},
        CLAIMS,
        "count(*)",
        "c.settled_on BETWEEN '2026-04-01' AND '2026-04-30'",
    ),
    (
        {"quantity": "amount_claimed", "country": "DE"},
        CLAIMS,
        "sum(c.amount)",
        "p.country = 'DE'",
    ),
    (
        {"quantity": "amount_paid", "peril": "storm"},
        PAYMENTS,
        "sum(y.amount)",
        "c.peril = 'storm'",
    ),
    (
        {"quantity": "complaints", "since": "2026-03-01", "until": "2026-03-31"},
        COMPLAINTS,
        "count(*)",
        "n.noted_on BETWEEN '2026-03-01' AND '2026-03-31'",
    ),
    (
        {"quantity": "complaints", "country": "FR"},
        COMPLAINTS,
        "count(*)",
        "p.country = 'FR'",
    ),
    (
        {"quantity": "complaints", "peril": "water_damage"},
        ABOUT_CLAIMS,
        "count(*)",
        WATER,
    ),
]


@pytest.mark.parametrize(("args", "sql", "value", "where"), ANSWERS)
@pytest.mark.parametrize("tenant", ["harbor", "lakeside"])
async def test_a_number_is_what_plain_sql_says(office, tenant, args, sql, value, where):
    query = text(sql.format(value=value, tenant=tenant, where=where))
    expected = await office.desk.read(lambda s: s.execute(query).scalar_one())

    measured = await office.of(tenant).call("measure", **args)

    assert measured.total == expected
    assert expected > 0


async def test_splits_add_up_to_the_whole_and_months_have_no_gaps(office):
    for by in ("month", "peril", "product", "status", "country", "vendor"):
        measured = await office.call("measure", quantity="claims_opened", by=by)
        assert sum(cell.value for cell in measured.cells) == measured.total, by
    months = [c.key for c in (await office.call("measure", quantity="complaints", by="month")).cells]
    assert months == sorted(months)
    years = int(months[-1][:4]) - int(months[0][:4])
    assert len(months) == 12 * years + int(months[-1][5:]) - int(months[0][5:]) + 1


async def test_days_to_decision_are_days(office):
    measured = await office.call("measure", quantity="days_to_decision", by="vendor", peril="water_damage")
    days = {cell.key: cell.value for cell in measured.cells}

    assert days["Trocknung Elbe"] > 70
    assert 3 < days["Rohrdienst Nord"] < 20


async def test_what_would_tell_one_customers_amount_is_withheld(office):
    """And the total with it, or the difference would tell."""
    split = await office.call("measure", quantity="amount_paid", by="month", since="2026-01-01")
    one = await office.call("measure", quantity="amount_paid", since="2026-05-01", until="2026-05-31")

    few = {cell.key for cell in split.cells if cell.value is None}
    assert "2026-05" in few
    assert split.total is None
    assert one.total is None


async def test_nothing_and_a_time_without_anything_are_told_apart(office):
    none = await office.call("measure", quantity="claims_opened", peril="vet", since="2030-01-01")
    days = await office.call("measure", quantity="days_to_decision", since="2030-01-01")

    assert none.total == 0
    assert days.total is None


@pytest.mark.parametrize(
    "args",
    [
        {"quantity": "customers"},
        {"quantity": "complaints", "by": "customer"},
        {"quantity": "complaints", "peril": "x' OR 1=1"},
        {"quantity": "complaints", "sql": "SELECT 1"},
        {"quantity": "complaints", "since": "in March"},
    ],
)
async def test_the_set_of_questions_is_closed(office, args):
    with pytest.raises((ValueError, TowerError)):
        await office.call("measure", **args)


async def test_complaints_about_water_damage_double_in_march_for_a_reason(office):
    """The story that the investigation is there to find, in harbor alone."""
    asked = {"quantity": "complaints", "peril": "water_damage"}
    months = {c.key: c.value for c in (await office.call("measure", by="month", **asked)).cells}
    assert (months["2026-02"], months["2026-03"], months["2026-04"]) == (6, 12, 5)

    march = {"since": "2026-03-01", "until": "2026-03-31"}
    vendors = {c.key: c.value for c in (await office.call("measure", by="vendor", **asked, **march)).cells}
    assert vendors["Trocknung Elbe"] == 10

    other = {c.key: c.value for c in (await office.of("lakeside").call("measure", by="month", **asked)).cells}
    assert other["2026-02"] == other["2026-03"]
