"""Conflict policies, as code applies them to verdicts."""

from __future__ import annotations

import pytest

from nodes.resolve import HighestAuthority, Vote, Weighted


def verdicts(**given: str) -> dict[str, dict]:
    """`a="pay 80"` → branch a says pay, with confidence 80."""
    split = {name: said.split() for name, said in given.items()}
    return {
        name: {"choice": choice, "confidence": int(sure), "reason": "why", "evidence": []}
        for name, (choice, sure) in split.items()
    }


@pytest.mark.parametrize(
    ("given", "settled"),
    [
        ({"a": "pay 1", "b": "pay 1", "c": "decline 99"}, "pay"),
        ({"a": "pay 99", "b": "decline 1"}, None),
        ({"a": "pay 1", "b": "pay 1", "c": "decline 1", "d": "review 1"}, None),
        ({"a": "decline 1"}, "decline"),
    ],
    ids=["majority", "tie", "half is no majority", "alone"],
)
def test_a_vote_counts_heads(given, settled):
    assert Vote().settle(verdicts(**given)) == settled


@pytest.mark.parametrize(
    ("weights", "given", "settled"),
    [
        (None, {"a": "pay 90", "b": "decline 50", "c": "decline 30"}, "pay"),
        (None, {"a": "pay 80", "b": "decline 50", "c": "decline 30"}, None),
        (None, {"a": "pay 0", "b": "decline 0"}, None),
        ({"a": 3, "b": 1, "c": 1}, {"a": "pay 1", "b": "decline 99", "c": "decline 99"}, "pay"),
        ({"a": 3, "b": 1, "c": 1}, {"b": "decline 1", "c": "decline 1"}, "decline"),
    ],
    ids=["by confidence", "as sure", "sure of nothing", "by weight", "without the heavy one"],
)
def test_weights_count_instead_of_heads(weights, given, settled):
    assert Weighted(weights).settle(verdicts(**given)) == settled


def test_the_highest_authority_that_spoke_settles_it():
    order = HighestAuthority(["c", "a"])

    assert order.settle(verdicts(a="pay 99", b="pay 99", c="decline 1")) == "decline"
    assert order.settle(verdicts(a="pay 1", b="decline 99")) == "pay"
    assert order.settle(verdicts(b="decline 99")) is None


@pytest.mark.parametrize(("cost", "settled"), [("decline 1", "decline"), ("review 99", None)])
def test_an_authority_may_be_for_one_choice_only(cost, settled):
    rule = HighestAuthority(["cost"], only="decline")
    assert rule.settle(verdicts(cover="pay 99", fraud="pay 99", cost=cost)) == settled
