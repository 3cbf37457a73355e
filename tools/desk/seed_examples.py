"""Seed examples: the six customers that the letters in `examples/` come from, written by hand."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from tools.desk.iban import with_check_digits

if TYPE_CHECKING:
    from tools.desk.seed_ledger import Entry, Ledger

RUNNING: dict[str, Any] = {"status": "active", "start": dt.date(2025, 1, 1), "end": dt.date(2027, 12, 31)}
"""Status and dates of the examples' active policies."""


def add_examples(ledger: Ledger) -> None:
    """Write them first, so that they have the first numbers of each kind."""
    marta, jonas, elena, pieter, sofia, viktor = _people(ledger)
    home = _policies(ledger, marta, jonas, elena, pieter)
    sofias = ledger.policy(
        sofia,
        "home",
        {"water_damage": 2_000_000, "theft": 1_000_000},
        deductible=20_000,
        premium=11_840,
        **RUNNING,
    )
    viktors = ledger.policy(viktor, "pet", {"vet": 300_000}, deductible=10_000, premium=9_600, **RUNNING)
    _repair(ledger, home[0], "Rohrdienst Nord", "Water damage: burst pipe in the kitchen, repair", 48_600)
    _repair(
        ledger, home[1], "Karosserie Brandt", "Collision: front wing, bumper and headlamp, repair", 324_000
    )
    _repair(ledger, home[2], "Rohrdienst Nord", "Water damage: leaking boiler, repair", 91_000)
    _premium(ledger, home[3], dt.date(2026, 1, 20))
    _premium(ledger, sofias, dt.date(2026, 1, 12))
    _premium(ledger, sofias, dt.date(2026, 1, 14))
    _repair(ledger, viktors, "Quayside Veterinary Clinic", "Vet: stitches and antibiotics", 24_000)
    ledger.note(
        sofia["customer_id"],
        "question",
        "Asked why the premium for the first half-year was taken twice in January. Billing was to check.",
        dt.date(2026, 5, 18),
        "sam",
    )


def _people(ledger: Ledger) -> list[Entry]:
    people = (
        ("Marta Lindqvist", "marta.lindqvist@example.org", "+49 40 66969 417", "1984-03-09",
         "Lindenallee 14", "20457 Hamburg", "DE", "999000000041720035"),
        ("Jonas Albrecht", "jonas.albrecht@example.com", "+49 40 66969 528", "1979-11-23",
         "Deichstraße 52", "28195 Bremen", "DE", "999000000528310077"),
        ("Elena Moretti", "elena.moretti@example.net", "+43 1 555 0163", "1991-06-02",
         "Rosengasse 7", "1010 Wien", "AT", "9990000163440912"),
        ("Pieter de Vries", "pieter.devries@example.org", "+31 85 555 01 74", "1968-01-30",
         "Havenkade 118", "3011 CD Rotterdam", "NL", "HRBM0417164300"),
        ("Sofia Papadaki", "sofia.papadaki@example.com", "+30 210 555 0185", "1988-09-17",
         "Tsimiski 41", "546 24 Thessaloniki", "GR", "99900010000000185732014"),
        ("Viktor Hale", "viktor.hale@example.net", "+353 20 911 0196", "1973-12-05",
         "Strand Road 9", "H91 CD03 Galway", "IE", "HRBM99999901964482"),
    )  # fmt: skip
    return [
        ledger.customer(
            "harbor",
            name=name,
            email=email,
            phone=phone,
            birthdate=dt.date.fromisoformat(born),
            street=street,
            city=city,
            country=country,
            iban=with_check_digits(country, account),
            since=dt.date(2021, 1, 1),
        )
        for name, email, phone, born, street, city, country, account in people
    ]


def _policies(ledger: Ledger, marta: Entry, jonas: Entry, elena: Entry, pieter: Entry) -> list[Entry]:
    home = {"water_damage": 2_000_000, "fire": 25_000_000, "storm": 3_000_000, "theft": 1_500_000}
    motor = {"collision": 4_000_000, "theft": 2_500_000, "glass": 200_000}
    travel = {"luggage": 200_000, "medical": 5_000_000, "theft": 150_000}
    lapsed = RUNNING | {"status": "lapsed", "end": dt.date(2025, 12, 31)}
    full = home | {"glass": 150_000}
    return [
        ledger.policy(marta, "home", full, deductible=15_000, premium=14_250, **RUNNING),
        ledger.policy(jonas, "motor", motor, deductible=30_000, premium=38_900, **RUNNING),
        ledger.policy(elena, "home", home, deductible=15_000, premium=13_100, **lapsed),
        ledger.policy(pieter, "travel", travel, deductible=5_000, premium=6_200, **RUNNING),
    ]


def _repair(ledger: Ledger, policy: Entry, vendor: str, description: str, amount: int) -> None:
    ledger.invoice(
        policy,
        kind="repair",
        vendor=vendor,
        description=description,
        amount=amount,
        issued_on=dt.date(2026, 6, 26),
        due_on=dt.date(2026, 7, 26),
        status="open",
    )


def _premium(ledger: Ledger, policy: Entry, paid_on: dt.date) -> None:
    ledger.premium(policy, "2026-H1", dt.date(2026, 1, 2), dt.date(2026, 1, 31), "paid", paid_on)
