"""Seed people: invented names, addresses and accounts from eight countries of the euro area."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from tools.desk.iban import with_check_digits
from tools.desk.seed_texts import texts

if TYPE_CHECKING:
    import random


def person(rng: random.Random, number: int) -> dict[str, str]:
    """Invent a person: `name, email, phone, street, city, country, iban`.

    Args:
        number: Makes the e-mail address unique.
    """
    countries = texts()["country"]
    country = rng.choices(countries, [each["weight"] for each in countries])[0]
    given, family = rng.choice(country["given"]), rng.choice(country["family"])
    domain = rng.choice(("example.org", "example.com", "example.net"))
    return {
        "name": f"{given} {family}",
        "email": f"{ascii_of(given)}.{ascii_of(family)}{number % 1000}@{domain}",
        "phone": _filled(rng, country["phone"]),
        "street": f"{rng.choice(country['streets'])} {rng.randint(1, 148)}",
        "city": rng.choice(country["cities"]),
        "country": country["code"],
        "iban": with_check_digits(country["code"], _filled(rng, country["account"])),
    }


def ascii_of(name: str) -> str:
    """A name as it stands in an e-mail address."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return plain.lower().replace(" ", "")


def _filled(rng: random.Random, pattern: str) -> str:
    return "".join(str(rng.randint(0, 9)) if mark == "#" else mark for mark in pattern)
