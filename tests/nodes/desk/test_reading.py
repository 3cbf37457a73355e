"""Reading: a question is read to the last word, or not at all."""

from __future__ import annotations

import pytest

from nodes.desk.reading import FIELDS, terms

YEAR = {"since": "2026-01-01", "until": "2026-12-31"}
READ = {
    "How many water damage claims were opened in each month of 2026?": {
        "quantity": "claims_opened", "by": "month", "peril": "water_damage", **YEAR,
    },
    "How many complaints did we receive in March 2026?": {
        "quantity": "complaints", "since": "2026-03-01", "until": "2026-03-31",
    },
    "How much did we pay out for storm claims in 2025?": {
        "quantity": "amount_paid", "peril": "storm", "since": "2025-01-01", "until": "2025-12-31",
    },
    "How many claims were decided in April 2026?": {
        "quantity": "claims_decided", "since": "2026-04-01", "until": "2026-04-30",
    },
    "What was the average number of days to decision by vendor for water damage claims?": {
        "quantity": "days_to_decision", "by": "vendor", "peril": "water_damage",
    },
    "How many complaints about water damage claims were there per month in 2026?": {
        "quantity": "complaints", "by": "month", "peril": "water_damage", **YEAR,
    },
    "How many claims were opened by country in 2026?": {
        "quantity": "claims_opened", "by": "country", **YEAR,
    },
    "Show me the number of complaints by month since January 2026.": {
        "quantity": "complaints", "by": "month", "since": "2026-01-01",
    },
    "Number of theft claims opened between January and March 2026": {
        "quantity": "claims_opened", "peril": "theft", "since": "2026-01-01", "until": "2026-03-31",
    },
}  # fmt: skip

NOT_READ = [
    "Why did complaints about water damage claims double in March?",
    "How many customers do we have in Germany?",
    "Which vendor is the slowest?",
    "How many fire claims were not opened in 2026?",
    "How much premium was paid in 2026?",
    "How many water damage and storm claims were opened in 2026?",
    "How many claims above 1000 EUR were opened in 2026?",
    "how many claims were declined in march 2026",
    "How many complaints about claims opened in March 2026 did we get?",
    "How many claims were opened in March?",
    "How much was paid in March 2026?",
    "What was the average number of days to decision for claims in 2026?",
    "How many claims were opened in 2025 compared to 2026?",
    "How many claims were opened or decided in 2026?",
    "How many of the claims opened in 2026 led to complaints?",
    "How many claims were opened in March 2026 and in April 2026?",
    "Customer: C-10001 (verified: user)\n\nHow many claims were opened in 2026?",
    'Customer: nobody verified\n\nHow many claims were opened in 2026?\n\n<document name="a">no</document>',
    "",
]


@pytest.mark.parametrize("question", READ)
@pytest.mark.parametrize("head", ["", "Customer: nobody verified\n\n"])
def test_a_plain_question_is_read(question, head):
    assert terms(head + question) == {**dict.fromkeys(FIELDS), **READ[question]}


@pytest.mark.parametrize("question", NOT_READ)
def test_what_could_mean_something_else_is_not_read(question):
    assert terms(question) is None


@pytest.mark.parametrize("word", ["not", "except", "repeatedly", "big", "lakeside", "about", "customers"])
@pytest.mark.parametrize("question", READ)
def test_one_word_more_and_it_is_not_read(question, word):
    """Unless that word is part of how such a question is asked."""
    for place in range(1, len(question.split())):
        said = question.split()
        said.insert(place, word)
        understood = terms(" ".join(said))
        assert understood is None or (word == "about" and understood["quantity"] == "complaints")
