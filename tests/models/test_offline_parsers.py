"""Typed parsers: sentences, amounts and dates as people write them."""

from __future__ import annotations

import pytest

from models.offline.dates import find_dates
from models.offline.money import find_amounts
from models.offline.text import extract, near, sentences, words


@pytest.mark.parametrize(
    ("text", "cents"),
    [
        ("EUR 3,240.00", 324000),
        ("3.240,00 €", 324000),
        ("1 200 euros", 120000),
        ("1\u00a0200,50 €", 120050),
        ("€486", 48600),
        ("486.00", 48600),
        ("1'120.50 EUR", 112050),
        ("EUR 1,499.-", 149900),
        ("12.345.678,90 EUR", 1234567890),
        ("0.05 EUR", 5),
        ("75 cents", 75),
        ("$12", 1200),
        ("£1,000", 100000),
        ("two hundred and forty euro", 24000),
        ("six hundred... six hundred and twelve euros, thirty cents", 61230),
        ("one thousand three hundred eighty-five euros", 138500),
        ("twelve euros fifty", 1250),
        ("a hundred pounds", 10000),
    ],
)
def test_amounts_are_read_as_cents(text, cents):
    assert [amount.cents for amount in find_amounts(f"It was {text} in all")] == [cents]
    assert [amount.cents for amount in find_amounts(text)] == [cents]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "INV-300412",
        "12.03.2026",
        "2026-03-12",
        "call 0171 1234567",
        "version 1.2.3",
        "room 12",
        "€",
        "10:30",
    ],
)
def test_other_numbers_are_not_money(text):
    assert find_amounts(text) == []


def test_this_month_is_that_of_the_letter():
    said = find_dates("Groningen, 24 June 2026. On the 7th of this month the hose came off.")
    assert [f"{day.value}" for day in said] == ["2026-06-24", "2026-06-07"]
    assert find_dates("On the 7th of this month the hose came off.") == []


def test_a_number_too_long_to_be_money_is_left_alone():
    assert find_amounts("EUR " + "9" * 40) == []


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("2026-03-12", "2026-03-12"),
        ("12.03.2026", "2026-03-12"),
        ("12. 3. 2026", "2026-03-12"),
        ("12 March 2026", "2026-03-12"),
        ("12. März 2026", "2026-03-12"),
        ("March 12th 2026", "2026-03-12"),
        ("March 12, 2026", "2026-03-12"),
        ("the 3rd of Feb. 2026", "2026-02-03"),
        ("04/03/2026", "2026-03-04"),
        ("4.3.26", "2026-03-04"),
    ],
)
def test_dates_are_read_with_the_day_before_the_month(text, iso):
    assert [day.value.isoformat() for day in find_dates(f"It was on {text}.")] == [iso]


@pytest.mark.parametrize(
    "text", ["", "31.02.2026", "2026-13-01", "version 1.2.3.4", "may 7", "INV-2026-03-12-1", "10.50"]
)
def test_what_is_no_date_is_not_read_as_one(text):
    assert find_dates(text) == []


def test_a_day_without_a_year_is_the_last_before_the_latest_full_date():
    days = find_dates("Letter of 5 January 2026. It happened on 28 December and again on 2 January.")
    assert [day.value.isoformat() for day in days] == ["2026-01-05", "2025-12-28", "2026-01-02"]


def test_sentences_survive_wrapped_lines_abbreviations_and_labels():
    text = (
        "Dear Dr. Weiss,\nPolicy: X-1\nthe pipe in our kitchen burst at night and the whole of the\n"
        "floor is wet. Who pays?\n- one\n- two"
    )
    assert sentences(text) == [
        "Dear Dr. Weiss,",
        "Policy: X-1",
        "the pipe in our kitchen burst at night and the whole of the floor is wet.",
        "Who pays?",
        "- one",
        "- two",
    ]
    assert sentences("水が漏れました。床が濡れた。") == ["水が漏れました。", "床が濡れた。"]
    assert sentences(" \n\t...\n") == []


def test_the_most_telling_and_different_sentences_are_extracted():
    found = extract(
        "Who won the race?",
        ["The weather was mild.", "Anna won the race.", "The race was won by Anna.", "Her prize was a cup."],
        most=2,
    )
    assert (
        "Anna won the race." in [sentence for sentence, _ in found] or "The race was won by Anna." in found[0]
    )
    assert len({sentence for sentence, _ in found} & {"Anna won the race.", "The race was won by Anna."}) == 1


def test_a_label_counts_more_the_nearer_it_stands():
    text = "total 10.00 and the deductible of the policy 5.00"
    label = words("total")
    assert near(text, 6, 11, label) > near(text, 45, 49, label) >= 0
