"""Seed defects: what is wrong in the records on purpose, so that the data report has something to find."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from tools.desk.iban import with_check_digits

if TYPE_CHECKING:
    from tools.desk.seed_ledger import Entry, Ledger

PERSON: dict[str, Any] = {
    "phone": "+49 40 66969 900",
    "birthdate": dt.date(1970, 1, 1),
    "street": "Speicherstraße 3",
    "city": "20457 Hamburg",
    "country": "DE",
    "since": dt.date(2019, 1, 1),
}
RUNNING: dict[str, Any] = {
    "status": "active",
    "start": dt.date(2024, 1, 1),
    "end": dt.date(2027, 12, 31),
    "deductible": 15_000,
    "premium": 12_000,
}
COVERS = {"water_damage": 1_000_000, "glass": 100_000}


def add_defects(ledger: Ledger) -> None:
    """Write nine customers with one defect or two each; the test of the data report lists them."""
    _person(ledger, "Ansgar Ohlsen", email=None)
    _person(ledger, "Birte Ohlsen", iban=None)
    _person(ledger, "Cord Ohlsen", iban="DE00999000000000000001")
    bare = _person(ledger, "Dörte Ohlsen")
    ledger.policy(bare, "home", {}, **RUNNING)
    backwards = _person(ledger, "Eike Ohlsen")
    ledger.policy(backwards, "home", COVERS, **RUNNING | {"end": dt.date(2023, 12, 31), "status": "lapsed"})
    _claims(ledger)
    stale = _person(ledger, "Hauke Ohlsen", noted_on=dt.date(2021, 4, 6))
    policy = ledger.policy(stale, "home", COVERS, **RUNNING)
    _claim(ledger, policy, "open", opened_on=dt.date(2025, 11, 3))
    _person(ledger, "Insa Ohlsen", tenant="lakeside", email=None)


def _claims(ledger: Ledger) -> None:
    unpaid = ledger.policy(_person(ledger, "Frauke Ohlsen"), "home", COVERS, **RUNNING)
    _claim(ledger, unpaid, "paid", payable=40_000)
    early = {"loss_date": dt.date(2023, 5, 5)}
    _claim(ledger, unpaid, "open", **early)
    policy = ledger.policy(_person(ledger, "Gesche Ohlsen"), "home", COVERS, **RUNNING)
    high = _claim(ledger, policy, "paid", peril="glass", amount=185_000, payable=170_000)
    ledger.payment(high, dt.date(2026, 4, 20))


def _person(
    ledger: Ledger,
    name: str,
    *,
    tenant: str = "harbor",
    noted_on: dt.date = dt.date(2026, 2, 16),
    **fields: Any,
) -> Entry:
    given = name.split(maxsplit=1)[0].lower().replace("ö", "oe")
    contact = {
        "email": f"{given}.ohlsen@example.org",
        "iban": with_check_digits("DE", f"99900000{ledger.last['C']:010d}"),
    }
    customer = ledger.customer(tenant, name=name, **PERSON | contact | fields)
    ledger.note(customer["customer_id"], "note", "Prefers letters to e-mail.", noted_on, "sam")
    return customer


def _claim(ledger: Ledger, policy: Entry, status: str, **fields: Any) -> Entry:
    settled = {"settled_on": dt.date(2026, 4, 20), "reason": "Covered."} if status == "paid" else {}
    start: dict[str, Any] = {
        "peril": "water_damage",
        "loss_date": dt.date(2026, 4, 6),
        "amount": 55_000,
        "opened_on": dt.date(2026, 4, 9),
    }
    return ledger.claim(policy, status=status, **start | settled | fields)
