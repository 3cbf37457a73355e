"""The seed: some 250 customers of two tenants with their records, the same at every seeding."""

from __future__ import annotations

import datetime as dt
import random
from typing import TYPE_CHECKING

from tools.desk.seed_complaints import add_complaints
from tools.desk.seed_defects import add_defects
from tools.desk.seed_examples import add_examples
from tools.desk.seed_history import add_history
from tools.desk.seed_ledger import DEDUCTIBLES, LIMITS, REFERENCE_DATE, Entry, Ledger
from tools.desk.seed_people import person
from tools.desk.terms import PERILS_OF, Product

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["REFERENCE_DATE", "seed_rows"]

SEED = 20260630
CUSTOMERS = {"harbor": 150, "lakeside": 94}
"""Generated customers per tenant, besides the examples and those with defects."""

HOME_SHARE, FULL_SHARE = 0.6, 0.7
"""How many customers insure their home; how many policies cover all that the product can."""

PRODUCTS: tuple[Product, ...] = ("home", "motor", "travel", "liability", "pet")
PREMIUM_CENTS: Mapping[Product, tuple[int, int]] = {
    "home": (9_000, 24_000),
    "motor": (21_000, 62_000),
    "travel": (3_500, 9_000),
    "liability": (3_000, 7_500),
    "pet": (6_000, 18_000),
}
"""Range of the premium per half-year."""


def seed_rows() -> dict[str, Sequence[Entry]]:
    """Make all rows, by table, parents before children."""
    ledger, rng = Ledger(), random.Random(SEED)  # noqa: S311  # the same data everywhere, no secret
    # What is written by hand comes first: its numbers hold when the lists below change.
    add_examples(ledger)
    add_defects(ledger)
    tenants: dict[str, str] = {}
    policies: list[Entry] = []
    for tenant, count in CUSTOMERS.items():
        for _ in range(count):
            customer = _customer(ledger, rng, tenant)
            tenants[customer["customer_id"]] = tenant
            policies += _policies(ledger, rng, customer)
    for policy in policies:
        _premiums(ledger, rng, policy)
    add_history(ledger, rng, tenants, policies)
    add_complaints(ledger, tenants, policies)
    return dict(ledger.rows())


def _customer(ledger: Ledger, rng: random.Random, tenant: str) -> Entry:
    born = dt.date(1942, 1, 1) + dt.timedelta(days=rng.randint(0, 365 * 64))
    since = dt.date(2015, 1, 1) + dt.timedelta(days=rng.randint(0, 365 * 9))
    return ledger.customer(tenant, **person(rng, ledger.last["C"] + 1), birthdate=born, since=since)


def _policies(ledger: Ledger, rng: random.Random, customer: Entry) -> list[Entry]:
    products: list[Product] = ["home"] if rng.random() < HOME_SHARE else []
    others = [product for product in PRODUCTS if product != "home"]
    wanted = rng.choices((0, 1, 2), (5, 4, 1))[0]
    products += rng.sample(others, wanted if products else max(1, wanted))
    return [_policy(ledger, rng, customer, product) for product in products]


def _policy(ledger: Ledger, rng: random.Random, customer: Entry, product: Product) -> Entry:
    perils = PERILS_OF[product]
    kept = perils if rng.random() < FULL_SHARE else perils[: max(1, len(perils) - 1)]
    status = rng.choices(("active", "lapsed", "cancelled"), (82, 12, 6))[0]
    start = dt.date(rng.randint(2022, 2025), rng.randint(1, 12), 1)
    end = dt.date(2027, rng.randint(1, 12), 28)
    if status != "active":
        start = dt.date(rng.randint(2021, 2023), rng.randint(1, 12), 1)
        end = dt.date(rng.randint(2024, 2025), rng.randint(1, 12), 28)
    return ledger.policy(
        customer,
        product,
        {peril: rng.choice(LIMITS[peril]) for peril in kept},
        status=status,
        start=start,
        end=end,
        deductible=rng.choice(DEDUCTIBLES[product]),
        premium=rng.randint(*PREMIUM_CENTS[product]) // 10 * 10,
    )


def _premiums(ledger: Ledger, rng: random.Random, policy: Entry) -> None:
    for half, issued in (("2025-H2", dt.date(2025, 7, 1)), ("2026-H1", dt.date(2026, 1, 2))):
        if not policy["start"] <= issued <= policy["end"]:
            continue
        weights = (0, 97, 3) if half == "2025-H2" else (0, 90, 10)
        _premium(ledger, policy, half, issued, rng.choices(("open", "paid", "overdue"), weights)[0])
    if policy["status"] == "active":
        _premium(ledger, policy, "2026-H2", dt.date(2026, 6, 22), rng.choice(("open", "open", "paid")))


def _premium(ledger: Ledger, policy: Entry, half: str, issued: dt.date, status: str) -> None:
    paid = issued + dt.timedelta(days=6) if status == "paid" else None
    ledger.premium(policy, half, issued, issued + dt.timedelta(days=30), status, paid)
