"""Beside every score stands what doing nothing gives, and of whole requests what handing over gives."""

from __future__ import annotations

from evals.floors import with_floors
from evals.summary import summary
from tests.evals.making import row


def test_doing_nothing_does_no_harm_and_gains_nothing():
    found = with_floors("output", {"pii_leakage": 1.0, "relevance_ref": 1.0, "faithfulness_ref": 0.5})

    assert (found["pii_leakage__null"], found["pii_leakage__escalate"]) == (0.0, 0.0)
    assert (found["relevance_ref__null"], found["relevance_ref__escalate"]) == (0.0, 0.0)
    assert found["faithfulness_ref__null"] == 1.0, "who says nothing says nothing wrong"


def test_what_knows_the_case_stays():
    known = {"end_state_ref": 0.0, "end_state_ref__null": 1.0, "goal_success_rate": 0.0}
    known |= {"goal_success_rate__escalate": 1.0, "policy_critical_success": 0.0, "escalation_rate": 0.0}

    found = with_floors("output", known)

    assert found["end_state_ref__escalate"] == 1.0, "handing over leaves the records as they are"
    assert found["policy_critical_success__escalate"] == 1.0
    assert (found["escalation_rate__null"], found["escalation_rate__escalate"]) == (0.0, 1.0)


def test_of_an_order_a_constant_has_one_half():
    scores = with_floors("component", {"unanswerable_score": 0.7})
    rows = [row("Q-1", scores=scores, tags=("unanswerable",)), row("Q-2", scores=scores)]

    assert summary(rows)["unanswerable_auroc_ref__null"] == 0.5
