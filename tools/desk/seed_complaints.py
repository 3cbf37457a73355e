"""Seed complaints: what customers said about the handling of their water damage claims in 2026."""

from __future__ import annotations

import datetime as dt
import random
from typing import TYPE_CHECKING

from tools.desk.seed_texts import texts

if TYPE_CHECKING:
    from tools.desk.seed_ledger import Entry, Ledger

SEED = 20260331
VENDOR = "Trocknung Elbe"
"""The drying firm that billed late, so that January's claims were decided late."""

SLOW_CLAIMS = 14
"""Claims of January with that vendor, all of them harbor's."""

COMPLAINTS = {
    "harbor": {1: 3, 2: 6, 3: 12, 4: 5, 5: 3, 6: 2},
    "lakeside": {1: 2, 2: 2, 3: 2, 4: 1, 5: 2, 6: 1},
}
"""Complaints about water damage claims, by tenant and month of 2026; harbor's double in March."""

AUTHORS = {"harbor": ("sam", "hanna"), "lakeside": ("mia", "noah")}
DUE_DAYS = 14
"""So long after opening a claim its owner expects a decision."""


def add_complaints(ledger: Ledger, tenants: dict[str, str], policies: list[Entry]) -> None:
    """Write them last, with a generator of their own: every number given out before stays as it is.

    Args:
        tenants: Customer number → tenant.
        policies: Without those of the examples.
    """
    rng = random.Random(SEED)  # noqa: S311  # the same data everywhere, no secret
    slow = _slow_claims(ledger, rng, [p for p in policies if tenants[p["customer_id"]] == "harbor"])
    for tenant, months in COMPLAINTS.items():
        own = [c for c in ledger.tables["claims"] if tenants.get(c["customer_id"]) == tenant]
        water = [c for c in own if c["peril"] == "water_damage" and c not in slow]
        for month, count in months.items():
            last = dt.date(2026, month, 28)
            about = [c for c in water if c["opened_on"] <= last - dt.timedelta(days=DUE_DAYS)][-30:]
            # Most of March's are about the claims that waited for the late bills.
            chosen = slow[: count - 2] if tenant == "harbor" and month == 3 else []  # noqa: PLR2004 - March
            chosen = [*chosen, *rng.sample(about, count - len(chosen))]
            for claim in chosen:
                _complaint(ledger, rng, claim, last, tenant)


def _slow_claims(ledger: Ledger, rng: random.Random, policies: list[Entry]) -> list[Entry]:
    limits = {c["policy_number"]: c["limit"] for c in ledger.tables["covers"] if c["peril"] == "water_damage"}
    insured = [
        p
        for p in policies
        if p["policy_number"] in limits and p["status"] == "active" and p["start"] < dt.date(2026, 1, 1)
    ]
    return [
        _slow_claim(ledger, rng, policy, limits[policy["policy_number"]])
        for policy in rng.sample(insured, SLOW_CLAIMS)
    ]


def _slow_claim(ledger: Ledger, rng: random.Random, policy: Entry, limit: int) -> Entry:
    lost = dt.date(2026, 1, rng.randint(5, 20))
    opened = lost + dt.timedelta(days=rng.randint(1, 4))
    settled = opened + dt.timedelta(days=rng.randint(72, 84))
    amount = rng.randint(9_000, 32_000) * 10
    bill = ledger.invoice(
        policy,
        kind="repair",
        vendor=VENDOR,
        description="Water damage: drying of floors and walls",
        amount=amount,
        issued_on=settled - dt.timedelta(days=5),
        due_on=settled + dt.timedelta(days=25),
        status="paid",
        paid_on=settled,
    )
    payable = max(0, min(amount - policy["deductible"], limit))
    status = "paid" if payable else "declined"
    claim = ledger.claim(
        policy,
        peril="water_damage",
        loss_date=lost,
        amount=amount,
        invoice_number=bill["invoice_number"],
        status=status,
        opened_on=opened,
        settled_on=settled,
        payable=payable,
        reason="Covered; amount less the deductible." if payable else "The amount is within the deductible.",
    )
    if payable:
        ledger.payment(claim, settled)
    else:
        bill["status"], bill["paid_on"] = "open", None
    return claim


def _complaint(ledger: Ledger, rng: random.Random, claim: Entry, last: dt.date, tenant: str) -> None:
    earliest = max(last.replace(day=1), claim["opened_on"] + dt.timedelta(days=DUE_DAYS))
    noted = earliest + dt.timedelta(days=rng.randint(0, (last - earliest).days))
    note = ledger.note(
        claim["customer_id"], "complaint", rng.choice(texts()["slow"]), noted, rng.choice(AUTHORS[tenant])
    )
    ledger.complaint(note, claim)
