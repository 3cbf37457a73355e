"""Answers: three forms are understood, malformed ones refused (scenario 36)."""

from __future__ import annotations

import pytest

from governance.answers import Answer, parse
from governance.errors import InvalidInput

pytestmark = pytest.mark.scenario(36)
ARGS = {"claim_id": "CL-1", "amount": 5}
EDIT = {"type": "edit", "edited_action": {"name": "pay_claim", "args": ARGS}}


@pytest.mark.parametrize(
    ("answer", "understood"),
    [
        ({"approval_id": "a", "decisions": [{"type": "approve"}]}, Answer("a", "approve")),
        (
            {"approval_id": "a", "decisions": [{"type": "reject", "message": "no"}]},
            Answer("a", "reject", message="no"),
        ),
        ({"approval_id": "a", "decisions": [EDIT]}, Answer("a", "edit", "pay_claim", ARGS)),
        ({"approval_id": "a", "type": "approve"}, Answer("a", "approve")),
        ({"approval_id": "a", **EDIT}, Answer("a", "edit", "pay_claim", ARGS)),
        ({"approval_id": "a", "type": "respond", "message": "wait"}, Answer("a", "respond", message="wait")),
        ([{"approval_id": "a", "type": "accept", "args": None}], Answer("a", "approve")),
        ([{"approval_id": "a", "type": "ignore"}], Answer("a", "reject")),
        ([{"approval_id": "a", "type": "response", "args": "wait"}], Answer("a", "respond", message="wait")),
        (
            [{"approval_id": "a", "type": "edit", "args": {"action": "pay_claim", "args": ARGS}}],
            Answer("a", "edit", "pay_claim", ARGS),
        ),
    ],
)
def test_every_form_is_understood(answer, understood):
    assert parse(answer) == understood


@pytest.mark.parametrize("kind", ["maybe", "APPROVE", "approve ", "yes", ""])
@pytest.mark.parametrize(
    "form",
    [
        lambda kind: {"approval_id": "a", "decisions": [{"type": kind}]},
        lambda kind: {"approval_id": "a", "type": kind},
        lambda kind: [{"approval_id": "a", "type": kind}],
    ],
)
def test_an_unknown_decision_is_a_rejection(form, kind):
    assert parse(form(kind)).decision == "reject"


@pytest.mark.parametrize(
    "answer",
    [
        None, True, 1, "approve", "", [], {}, [1], ["approve"], [[]],
        {"type": "approve"}, {"decisions": [{"type": "approve"}]}, [{"type": "accept"}],
        {"approval_id": "", "type": "approve"}, {"approval_id": 7, "type": "approve"},
        {"approval_id": "a"}, {"approval_id": "a", "type": None}, {"approval_id": "a", "type": ["approve"]},
        {"approval_id": "a", "decisions": []}, {"approval_id": "a", "decisions": "approve"},
        {"approval_id": "a", "decisions": {"type": "approve"}}, {"approval_id": "a", "decisions": [None]},
        {"approval_id": "a", "decisions": [{"type": "approve"}, {"type": "approve"}]},
        {"approval_id": "a", "type": "edit"},
        {"approval_id": "a", "type": "edit", "edited_action": {"name": "x"}},
        {"approval_id": "a", "type": "edit", "edited_action": {"name": 1, "args": {}}},
        {"approval_id": "a", "type": "edit", "edited_action": {"name": "x", "args": "y"}},
        {"approval_id": "a", "type": "respond"}, {"approval_id": "a", "type": "approve", "message": 1},
        [{"approval_id": "a", "type": "edit", "args": "x"}], [{"approval_id": "a", "type": "response"}],
        [{"approval_id": "a", "type": "accept"}, {"approval_id": "b", "type": "accept"}],
    ],
)  # fmt: skip
def test_malformed_is_refused_with_the_reason(answer):
    with pytest.raises(InvalidInput, match=r"still pending: .+"):
        parse(answer)
