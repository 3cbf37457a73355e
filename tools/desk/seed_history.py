"""Seed history: repair bills, claims, payments and contacts of the years up to the reference date."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from tools.desk.seed_ledger import REFERENCE_DATE
from tools.desk.seed_texts import texts

if TYPE_CHECKING:
    import random

    from tools.desk.seed_ledger import Entry, Ledger

FEBRUARY, MARCH = (dt.date(2026, 2, 1), dt.date(2026, 2, 28)), (dt.date(2026, 3, 1), dt.date(2026, 3, 31))
WATER_LOSSES = {"harbor": {FEBRUARY: 9, MARCH: 18}, "lakeside": {FEBRUARY: 4, MARCH: 4}}
"""Water damage that was reported per tenant and month; harbor's doubles, lakeside's doesn't."""

AUTHORS = {"harbor": ("sam", "hanna", "lena"), "lakeside": ("mia", "noah")}
LOSS_SHARE = 0.45
"""How many policies had a loss, besides the water damage of two months."""

OPEN_DAYS = 90
"""Younger claims may still be open."""


def add_history(ledger: Ledger, rng: random.Random, tenants: dict[str, str], policies: list[Entry]) -> None:
    """Write what happened to the generated policies.

    Args:
        tenants: Customer number → tenant.
        policies: Without those of the examples.
    """
    covers: dict[str, dict[str, int]] = {}
    for cover in ledger.tables["covers"]:
        covers.setdefault(cover["policy_number"], {})[cover["peril"]] = cover["limit"]
    for policy in policies:
        if rng.random() < LOSS_SHARE:
            _loss(ledger, rng, policy, covers[policy["policy_number"]])
    for tenant, months in WATER_LOSSES.items():
        own = [p for p in policies if tenants[p["customer_id"]] == tenant]
        _water_damage(ledger, rng, [p for p in own if _had_water_cover(p, covers)], covers, months, tenant)
    for customer_id, tenant in tenants.items():
        _contacts(ledger, rng, customer_id, tenant)


def _loss(ledger: Ledger, rng: random.Random, policy: Entry, covers: dict[str, int]) -> None:
    last = min(policy["end"], REFERENCE_DATE - dt.timedelta(days=10))
    when = _day(rng, policy["start"], last)
    peril = rng.choice(sorted(covers))
    if peril == "water_damage" and FEBRUARY[0] <= when <= MARCH[1]:
        # Those months are written by `_water_damage`, with exact counts.
        when = max(policy["start"], when - dt.timedelta(days=90))
    _claim(ledger, rng, policy, peril, covers[peril], when)


def _claim(ledger: Ledger, rng: random.Random, policy: Entry, peril: str, limit: int, when: dt.date) -> None:
    repair = texts()["repairs"][peril]
    amount = round(rng.triangular(repair["least"], repair["most"], repair["least"] * 2)) // 10 * 10
    billed = when + dt.timedelta(days=rng.randint(2, 9))
    bill = ledger.invoice(
        policy,
        kind="repair",
        vendor=rng.choice(repair["vendors"]),
        description=f"{peril.replace('_', ' ').capitalize()}: {repair['work']}",
        amount=amount,
        issued_on=billed,
        due_on=billed + dt.timedelta(days=30),
        status="open",
    )
    opened = min(billed + dt.timedelta(days=rng.randint(0, 6)), REFERENCE_DATE)
    claim = ledger.claim(
        policy,
        peril=peril,
        loss_date=when,
        amount=amount,
        invoice_number=bill["invoice_number"],
        status="open",
        opened_on=opened,
    )
    _settle(ledger, rng, claim, bill, max(0, min(amount - policy["deductible"], limit)))


def _settle(ledger: Ledger, rng: random.Random, claim: Entry, bill: Entry, payable: int) -> None:
    opened = claim["opened_on"]
    recent = (REFERENCE_DATE - opened).days < OPEN_DAYS
    status = rng.choices(
        ("open", "approved", "declined", "paid", "withdrawn"), (5, 2, 2, 2, 0) if recent else (0, 0, 3, 14, 1)
    )[0]
    if status in {"approved", "paid"} and not payable:
        status = "declined"
    claim["status"] = status
    if status in {"open", "withdrawn"}:
        return
    claim["settled_on"] = min(opened + dt.timedelta(days=rng.randint(3, 25)), REFERENCE_DATE)
    claim["payable"] = 0 if status == "declined" else payable
    claim["reason"] = (
        rng.choice(texts()["declined"]) if status == "declined" else "Covered; amount less the deductible."
    )
    if status == "paid":
        ledger.payment(claim, claim["settled_on"])
        bill["status"], bill["paid_on"] = "paid", claim["settled_on"]


def _had_water_cover(policy: Entry, covers: dict[str, dict[str, int]]) -> bool:
    through = policy["start"] <= FEBRUARY[0] and policy["end"] >= MARCH[1]
    return through and policy["status"] == "active" and "water_damage" in covers[policy["policy_number"]]


def _water_damage(  # one tenant's months over its policies
    ledger: Ledger,
    rng: random.Random,
    policies: list[Entry],
    covers: dict[str, dict[str, int]],
    months: dict[tuple[dt.date, dt.date], int],
    tenant: str,
) -> None:
    chosen = iter(rng.sample(policies, sum(months.values())))
    for (first, last), count in months.items():
        for _ in range(count):
            policy = next(chosen)
            when = _day(rng, first, last)
            reported = min(when + dt.timedelta(days=rng.randint(0, 2)), last)
            text = rng.choice(texts()["water_damage"])
            ledger.note(policy["customer_id"], "note", text, reported, rng.choice(AUTHORS[tenant]))
            limit = covers[policy["policy_number"]]["water_damage"]
            _claim(ledger, rng, policy, "water_damage", limit, when)


def _contacts(ledger: Ledger, rng: random.Random, customer_id: str, tenant: str) -> None:
    said = texts()["contacts"]
    for _ in range(rng.choices((1, 2, 3), (5, 3, 2))[0]):
        kind = rng.choices(tuple(said), (5, 3, 3, 2))[0]
        when = _day(rng, dt.date(2024, 1, 8), REFERENCE_DATE)
        ledger.note(customer_id, kind, rng.choice(said[kind]), when, rng.choice(AUTHORS[tenant]))


def _day(rng: random.Random, first: dt.date, last: dt.date) -> dt.date:
    return first + dt.timedelta(days=rng.randint(0, max(0, (last - first).days)))
