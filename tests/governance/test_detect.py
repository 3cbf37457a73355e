"""Personal data that shows by its form is found, and what only resembles it is left."""

from __future__ import annotations

import time

import pytest

from governance.detect import TOKEN, find_personal


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("write to anna.lee+home@mail.example.co.uk.", "email", "anna.lee+home@mail.example.co.uk"),
        ("<Jürgen@müller.example>", "email", "Jürgen@müller.example"),
        ("'o'brien@example.org'", "email", "o'brien@example.org"),
        ("to DE89 3704 0044 0532 0130 00 please", "iban", "DE89 3704 0044 0532 0130 00"),
        ("DE89370400440532013000", "iban", "DE89370400440532013000"),
        ("de89-3704-0044-0532-0130-00", "iban", "de89-3704-0044-0532-0130-00"),
        ("FR14 2004 1010 0505 0001 3M02 606,", "iban", "FR14 2004 1010 0505 0001 3M02 606"),
        ("card 4111 1111 1111 1111 500 EUR", "card", "4111 1111 1111 1111"),
        ("378282246310005", "card", "378282246310005"),
        ("call +49 170 1234567", "phone", "+49 170 1234567"),
        ("0049/170/1234567", "phone", "0049/170/1234567"),
        ("+49 (0) 431 778899", "phone", "+49 (0) 431 778899"),
        ("+1 (555) 123-4567", "phone", "+1 (555) 123-4567"),
        ("0431 778899", "phone", "0431 778899"),
        ("(0431) 77 88 99", "phone", "(0431) 77 88 99"),
        ("0170/1234567", "phone", "0170/1234567"),
        ("01701234567", "phone", "01701234567"),
        ("born on 12.03.1980", "birthdate", "12.03.1980"),
        ("Date of birth: 1980-03-12", "birthdate", "1980-03-12"),
        ("DOB 3/12/80", "birthdate", "3/12/80"),
        ("geb. am 12. März 1980", "birthdate", "12. März 1980"),
        ("Geburtsdatum: 12.3.1980", "birthdate", "12.3.1980"),
    ],
)
def test_found(text: str, kind: str, value: str) -> None:
    assert (kind, value) in {(found.kind, found.value) for found in find_personal(text)}


@pytest.mark.parametrize(
    "text",
    [
        "Policy HM-200001, invoice INV-300001, claim CL-400001, customer C-10001, payment PAY-500001",
        "The loss was on 12.03.2024, reported 2024-03-14, at 08:30, 01/02/2024",
        "It costs 1,200.50 EUR or 120050 cents",
        "DE89 3704 0044 0532 0130 01 has wrong check digits",
        "4111 1111 1111 1112 has a wrong last digit",
        "see home-wording § 4.2 and https://example.org/a@b",
        "token <iban:3f9a1c07d2e4> and <phone:001701234567>",
        "born to be wild",
        "24103 Kiel",
        "",
    ],
)
def test_left(text: str) -> None:
    assert find_personal(TOKEN.sub(" ", text)) == []


@pytest.mark.parametrize(
    "part",
    [
        "0",
        "1 ",
        "+1 0",
        "a'",
        "01234 ",
        "DE12 ",
        "4111 ",
        "a.b-",
        "born ",
        "(0123) ",
        "a@",
        "a@b.",
        "+49(0)",
        "00 ",
    ],
)
def test_no_text_takes_long(part: str) -> None:
    began = time.process_time()
    find_personal(part * 20_000)
    assert time.process_time() - began < 3
