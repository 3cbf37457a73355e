"""What the claim chain says of the money: what was paid, or what stands where it wasn't."""

from __future__ import annotations

import pytest

from graphs.desk.sequential import told

COVERED = {"covered": True, "limit": 5_000_000, "deductible": 30_000, "reason": "looks fine"}
DECIDED = {"decision": "approve", "payable": 294_000, "reason": "it is less than the deductible"}
OPEN = {"coverage": COVERED, "decide": DECIDED, "open_claim": {"claim_id": "CL-400001"}}
REFUSED = DECIDED | {"decision": "decline", "payable": 0}
SETTLED = OPEN | {"settle_claim": {}}


@pytest.mark.parametrize(
    ("results", "said"),
    [
        (SETTLED | {"pay_claim": {"amount": 294_000}}, "paid 2,940.00 EUR. the amount less the deductible"),
        (
            SETTLED | {"pay_claim": {"amount": 100_000}},
            "paid 1,000.00 EUR. the person who approved it set a lower amount than was assessed",
        ),
        (
            SETTLED,
            "approved for 2,940.00 EUR, not paid. Pay with `tower call pay_claim`, or `tower undo` this run.",
        ),
        (OPEN, "not settled, so nothing is approved, declined or paid."),
        (SETTLED | {"decide": REFUSED}, "declined. the amount is within the deductible"),
        (
            SETTLED | {"decide": REFUSED, "coverage": COVERED | {"covered": False, "reason": "wear"}},
            "declined. wear",
        ),
    ],
)
def test_it_says_what_stands_and_no_reason_that_a_model_made_up(results, said):
    assert told(results)["answer"] == f"CL-400001: {said}"
