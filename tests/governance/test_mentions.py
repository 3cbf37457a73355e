"""Which trusted sets policies speak of: one too many costs time, one too few would be a hole."""

from __future__ import annotations

import pytest
from cedarpy import PolicySet

from governance.mentions import mentioned

SETS = ("accounts", "claims", "customers")


@pytest.mark.parametrize(
    ("condition", "sets"),
    [
        ('context.trusted.claims.contains("x")', {"claims"}),
        ('context["trusted"]["claims"].isEmpty()', {"claims"}),
        ('context.trusted["\\u{63}laims"].isEmpty()', {"claims"}),
        ("context.trusted has claims", {"claims"}),
        ("{x: [context.trusted.claims]} == context.args", {"claims"}),
        ("if context.approved then true else context.trusted.claims.isEmpty()", {"claims"}),
        ("context.args.claims == 1", set()),
        ("context.trusted == context.args", set(SETS)),
        ("[context.trusted].isEmpty()", set(SETS)),
        ("context has trusted.claims", set(SETS)),
        ("context == {}", set(SETS)),
    ],
)
def test_a_set_that_decides_is_never_left_out(condition: str, sets: set[str]):
    for kind in ("when", "unless"):
        policy = f"forbid (principal, action, resource) {kind} {{ {condition} }};"
        assert mentioned(PolicySet.from_str(policy), SETS) == sets
