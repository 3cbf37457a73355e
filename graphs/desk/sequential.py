"""Claim intake: facts, cover, amount, decision, a person's yes where policy wants it, payment, letter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from governance.principals import Run
from graphs.sequential import sequential
from nodes.action import Action
from nodes.desk import checks
from nodes.desk.agents import ASSESS, CLAIMS, COVERAGE, DECIDE, EXTRACT, LETTERS
from nodes.desk.letter import in_the_letter
from nodes.step import Step
from tools.desk.claims import open_claim
from tools.desk.customers import find_customer
from tools.desk.letters import send_letter
from tools.desk.payments import pay_claim
from tools.desk.policies import amount_reason
from tools.desk.settlement import settle_claim

Results = Mapping[str, Any]
LOWERED = "the person who approved it set a lower amount than was assessed"
UNBILLED = "We need the invoice for the loss of {loss_date}, with its number and amount in euros."
"""What a letter asks for that names no invoice; nothing is opened without one (claims-procedure 1.3)."""


def _customer(_results: Results, run: Run) -> dict[str, Any] | None:
    return {"customer_id": run.subject} if run.subject else None


def _claim(results: Results, _run: Run) -> dict[str, Any] | None:
    facts = results["extract"]
    if not facts["invoice_number"]:
        return None
    wanted = ("policy_number", "peril", "loss_date", "amount", "invoice_number")
    return {name: facts[name] for name in wanted if facts[name] is not None}


def _reason(results: Results) -> str:
    """Why it is decided so, as the customer will read it: from what was held against records.

    What whoever drafts the decision gives as the reason is on file, and nobody's letter.
    """
    cover = results["coverage"]
    payable, paid = results["decide"]["payable"], results.get("pay_claim")
    if not cover["covered"]:
        return str(cover["reason"])
    return LOWERED if paid and paid["amount"] < payable else amount_reason(payable, cover["limit"])


def _settlement(results: Results, _run: Run) -> dict[str, Any] | None:
    decided = results["decide"]
    if "open_claim" not in results:
        return None
    return {
        "claim_id": results["open_claim"]["claim_id"],
        "decision": decided["decision"],
        "amount": decided["payable"],
        "reason": _reason(results),
    }


def _payment(results: Results, _run: Run) -> dict[str, Any] | None:
    """To the account that the letter asks for, or the one on record; policy judges which may be paid."""
    if results["decide"]["decision"] != "approve" or "open_claim" not in results:
        return None
    return {
        "claim_id": results["open_claim"]["claim_id"],
        "amount": results["decide"]["payable"],
        "iban": results["extract"]["payout_account"] or results["find_customer"]["iban"],
    }


def _letter(results: Results, run: Run) -> dict[str, Any]:
    if "open_claim" not in results:
        template, reason = _unbilled(results)
        return {"customer_id": run.subject, "template": template, "reason": reason}
    approved = results["decide"]["decision"] == "approve"
    return {
        "customer_id": run.subject,
        "template": "claim_approved" if approved else "claim_declined",
        "claim_id": results["open_claim"]["claim_id"],
        "reason": _reason(results),
    }


def _unbilled(results: Results) -> tuple[str, str]:
    """The letter where no invoice is known: it asks for one, unless none could help."""
    if not results["coverage"]["covered"]:
        return "service_reply", str(results["coverage"]["reason"])
    return "more_information", UNBILLED.format_map(results["extract"])


def told(results: Results) -> dict[str, Any]:
    """What was decided and paid, or what stands where something stopped it."""
    decided = results.get("decide")
    if not decided:
        return {"result": dict(results)}
    if "open_claim" not in results:
        return {
            "answer": f"No claim is opened without an invoice. {_unbilled(results)[1]}",
            "result": {**decided},
        }
    claim = results["open_claim"]["claim_id"]
    paid = results.get("pay_claim")
    amount = f"{(paid or {'amount': decided['payable']})['amount'] / 100:,.2f} EUR"
    if "settle_claim" not in results:
        said = "not settled, so nothing is approved, declined or paid."
    elif paid:
        said = f"paid {amount}. {_reason(results)}"
    elif decided["decision"] == "decline":
        said = f"declined. {_reason(results)}"
    else:
        said = f"approved for {amount}, not paid. Pay with `tower call pay_claim`, or `tower undo` this run."
    return {"answer": f"{claim}: {said}", "result": {"claim": claim, "payment": paid, **decided}}


graph = sequential(
    [
        Action(CLAIMS, find_customer, _customer),
        Step(EXTRACT, check=checks.facts_agree, evidence=in_the_letter),
        Action(CLAIMS, open_claim, _claim),
        Step(COVERAGE, check=checks.coverage_agrees),
        Step(ASSESS, check=checks.amount_agrees),
        Step(DECIDE, check=checks.decision_follows),
        Action(CLAIMS, settle_claim, _settlement, rests_on=("extract", "coverage")),
        Action(CLAIMS, pay_claim, _payment, review=True),
        Action(LETTERS, send_letter, _letter),
    ],
    compose=told,
).compile(name="sequential")
