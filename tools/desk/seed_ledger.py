"""The ledger that the seed writes into: rows by table, numbered in order."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from tools.desk.terms import Product

REFERENCE_DATE = dt.date(2026, 6, 30)
"""The day on which the seeded records were true."""

FIRST = {"C": 10000, "HM": 200000, "INV": 300000, "CL": 400000, "PAY": 500000, "N": 600000, "L": 700000}
"""One less than the first number of each kind."""

LIMITS: dict[str, tuple[int, ...]] = {
    "water_damage": (1_000_000, 2_000_000, 4_000_000),
    "fire": (15_000_000, 25_000_000, 40_000_000),
    "storm": (2_000_000, 3_000_000, 5_000_000),
    "glass": (100_000, 150_000, 200_000),
    "collision": (2_500_000, 4_000_000, 6_000_000),
    "liability": (100_000_000, 300_000_000, 500_000_000),
    "luggage": (100_000, 200_000, 300_000),
    "medical": (2_500_000, 5_000_000, 10_000_000),
    "theft": (150_000, 1_500_000, 2_500_000),
    "vet": (200_000, 300_000, 500_000),
}
DEDUCTIBLES: dict[Product, tuple[int, ...]] = {
    "home": (10_000, 15_000, 25_000, 50_000),
    "motor": (15_000, 30_000, 50_000, 100_000),
    "travel": (5_000, 10_000),
    "liability": (0, 15_000, 25_000),
    "pet": (5_000, 10_000, 15_000),
}

Entry = dict[str, Any]


@dataclass
class Ledger:
    """Rows by table, in the order in which they were written."""

    tables: defaultdict[str, list[Entry]] = field(default_factory=lambda: defaultdict(list))
    last: dict[str, int] = field(default_factory=lambda: dict(FIRST))

    def number(self, kind: str) -> str:
        """Give out the next number of a kind."""
        self.last[kind] += 1
        return f"{kind}-{self.last[kind]}"

    def customer(self, tenant: str, **fields: Any) -> Entry:
        """Write a customer."""
        return self._add("customers", {"customer_id": self.number("C"), "tenant": tenant, **fields})

    def policy(self, customer: Entry, product: Product, covers: dict[str, int], **fields: Any) -> Entry:
        """Write a policy with its covers (peril → limit in cents)."""
        number = self.number("HM")
        owner = customer["customer_id"]
        for peril, limit in covers.items():
            self._add("covers", {"policy_number": number, "peril": peril, "limit": limit})
        return self._add(
            "policies", {"policy_number": number, "customer_id": owner, "product": product, **fields}
        )

    def invoice(self, policy: Entry, **fields: Any) -> Entry:
        """Write an invoice; `vendor` and `paid_on` may be left out."""
        start: Entry = {"invoice_number": self.number("INV"), "vendor": None, "paid_on": None}
        return self._add("invoices", start | _owner(policy) | fields)

    def premium(
        self,
        policy: Entry,
        half: str,
        issued_on: dt.date,
        due_on: dt.date,
        status: str,
        paid_on: dt.date | None,
    ) -> Entry:
        """Write the invoice of a policy's premium for a half-year, such as `2026-H1`."""
        fields: Entry = {"kind": "premium", "description": f"Premium {half}", "amount": policy["premium"]}
        dates = {"issued_on": issued_on, "due_on": due_on, "paid_on": paid_on}
        return self.invoice(policy, **fields, **dates, status=status)

    def claim(self, policy: Entry, **fields: Any) -> Entry:
        """Write a claim; what only settled claims have may be left out."""
        start: Entry = {"claim_id": self.number("CL"), "invoice_number": None, "payable": None}
        return self._add("claims", start | {"reason": None, "settled_on": None} | _owner(policy) | fields)

    def payment(self, claim: Entry, paid_on: dt.date) -> Entry:
        """Write the payment of all that is payable on a claim, to the customer's account."""
        owner = next(c for c in self.tables["customers"] if c["customer_id"] == claim["customer_id"])
        start = {"payment_id": self.number("PAY"), "claim_id": claim["claim_id"]}
        row = start | {"customer_id": owner["customer_id"], "amount": claim["payable"], "iban": owner["iban"]}
        return self._add("payments", row | {"status": "sent", "paid_on": paid_on})

    def note(self, customer_id: str, kind: str, text: str, noted_on: dt.date, author: str) -> Entry:
        """Write a contact note."""
        row: Entry = {"note_id": self.number("N"), "customer_id": customer_id, "kind": kind, "text": text}
        return self._add("notes", row | {"noted_on": noted_on, "author": author, "removed": False})

    def complaint(self, note: Entry, claim: Entry) -> Entry:
        """Write which claim a complaint is about."""
        return self._add("complaints", {"note_id": note["note_id"], "claim_id": claim["claim_id"]})

    def rows(self) -> dict[str, list[Entry]]:
        """Rows by the table's name in the database, parents before children, counters last."""
        counters = [{"kind": kind, "last": last} for kind, last in self.last.items()]
        order = ("customers", "policies", "covers", "invoices", "claims", "payments", "notes", "complaints")
        return {f"desk_{name}": self.tables[name] for name in order} | {"desk_counters": counters}

    def _add(self, table: str, row: Entry) -> Entry:
        self.tables[table].append(row)
        return row


def _owner(policy: Entry) -> Entry:
    return {"customer_id": policy["customer_id"], "policy_number": policy["policy_number"]}
