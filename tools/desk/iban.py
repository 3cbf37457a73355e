"""IBANs by ISO 13616: check digits, validity, and the printed form."""

from __future__ import annotations

import re

LENGTHS = {
    "AT": 20,
    "BE": 16,
    "DE": 22,
    "ES": 24,
    "FI": 18,
    "FR": 27,
    "GR": 27,
    "IE": 22,
    "IT": 27,
    "LU": 20,
    "NL": 18,
    "PT": 25,
}
"""Length by country, for the euro-area countries that the desk serves."""


def compact(text: str) -> str:
    """The IBAN without spaces, in capitals."""
    return re.sub(r"\s", "", text).upper()


def printed(iban: str) -> str:
    """The IBAN in groups of four, as it stands on a letter."""
    return " ".join(iban[i : i + 4] for i in range(0, len(iban), 4))


def with_check_digits(country: str, account: str) -> str:
    """Compose an IBAN from a country and its basic account number."""
    return f"{country}{98 - _remainder(f'{country}00{account}'):02d}{account}"


def is_valid(iban: str) -> bool:
    """Whether form, length by country and check digits fit."""
    if not re.fullmatch(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}", iban):
        return False
    return LENGTHS.get(iban[:2], len(iban)) == len(iban) and _remainder(iban) == 1


def _remainder(iban: str) -> int:
    moved = iban[4:] + iban[:4]
    return int("".join(str(int(character, 36)) for character in moved)) % 97
