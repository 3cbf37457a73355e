"""What the desk's results are held against: our own records, read through the gateway."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from nodes.agent import Lookup
from nodes.desk.circumstances import Loss, part_is_claimed, reserved, written
from nodes.desk.results import Answer, Assessment, ClaimDecision, ClaimFacts, CoverageVerdict
from tools.desk.billing import get_invoice, list_invoices
from tools.desk.policies import assess_amount, check_coverage, get_policy
from tools.desk.terms import PERILS_OF

PERILS = {peril for perils in PERILS_OF.values() for peril in perils}


async def facts_agree(result: ClaimFacts, state: Mapping[str, Any], lookup: Lookup) -> Sequence[str]:
    """The policy is this customer's, had begun and is for such losses; the invoice bears amount and date.

    Less than the invoice may be claimed where the letter says so; a person then decides about cover.
    """
    problems = []
    policy = await lookup(get_policy, policy_number=result.policy_number)
    if str(result.loss_date) < policy["start"]:
        problems.append(
            f"the loss of {result.loss_date} is before {policy['policy_number']} began on {policy['start']}"
        )
    if result.peril not in PERILS_OF[policy["product"]]:
        # Read wrongly more often than claimed wrongly, and a misread cause would decline a good claim.
        problems.append(f"the cause is said to be {result.peril}, under a policy for {policy['product']}")
    if result.invoice_number:
        invoice = await lookup(get_invoice, invoice_number=result.invoice_number)
        less = 0 < result.amount < invoice["amount"] and part_is_claimed(written(state))
        if invoice["amount"] != result.amount and not less:
            number, bears = invoice["invoice_number"], invoice["amount"]
            problems.append(f"{result.amount} cents are claimed, but {number} bears {bears} cents")
        if str(result.loss_date) > invoice["issued_on"]:
            dated = f"{invoice['invoice_number']} is of {invoice['issued_on']}"
            problems.append(f"{dated}, before the loss of {result.loss_date}")
        if invoice["kind"] == "premium":
            problems.append(f"{invoice['invoice_number']} is a premium invoice of ours, not one for a repair")
        cause = invoice["description"].partition(":")[0].casefold().replace(" ", "_")
        if cause in PERILS and cause != result.peril:
            # A misread cause declines a good claim, or pays it by the wrong limit.
            problems.append(f"the cause is said to be {result.peril}, but the invoice is for {cause}")
        elif invoice["policy_number"] != result.policy_number:
            bound = f"{invoice['invoice_number']} is bound to {invoice['policy_number']}"
            problems.append(f"{bound}, and {result.policy_number} is said to bear it")
    else:
        # Without one nothing is paid; the customer is asked for it unless our own records may have it.
        listed = await lookup(list_invoices, customer_id=policy["customer_id"])
        problems += [
            f"no invoice is named, but {bill['invoice_number']} on record may be the one"
            for bill in listed
            if (bill["kind"], bill["policy_number"], bill["amount"])
            == ("repair", result.policy_number, result.amount)
        ]
    return problems


async def coverage_agrees(result: CoverageVerdict, state: Mapping[str, Any], lookup: Lookup) -> Sequence[str]:
    """The verdict is the record's, and no exclusion may apply: a model may explain cover, not grant it.

    A person, who has seen the letter, may say that an exclusion does or doesn't apply.
    """
    facts = state["results"]["extract"]
    record = await lookup(
        check_coverage,
        policy_number=facts["policy_number"],
        peril=facts["peril"],
        loss_date=facts["loss_date"],
    )
    by_person = "coverage" in state.get("answers", {})
    if by_person and not result.covered:
        return []
    if not (result.covered or record["covered"] or record["reason"].casefold() in result.reason.casefold()):
        # The customer reads it, and may object to it.
        return [f"what the record says is: {record['reason']}; give that as the reason"]
    told = {"covered": result.covered, "limit": result.limit, "deductible": result.deductible}
    problems = [
        f"{name} is {told[name]}, but the record says {record[name]}"
        for name in told
        if told[name] != record[name]
    ]
    # To a stranger's account or without an invoice nothing is paid anyhow, and no person need be asked.
    own = facts["payout_account"] in {None, state["results"]["find_customer"]["iban"]}
    if own and facts["invoice_number"] and not by_person and result.covered == record["covered"]:
        policy = await lookup(get_policy, policy_number=facts["policy_number"])
        problems += reserved(_loss(facts, record, policy), written(state))
    return problems


def _loss(facts: Mapping[str, Any], record: Mapping[str, Any], policy: Mapping[str, Any]) -> Loss:
    day, first, last = map(date.fromisoformat, (facts["loss_date"], policy["start"], policy["end"]))
    return Loss(
        record["product"],
        record["peril"],
        covered=record["covered"],
        amount=facts["amount"],
        begun=(day - first).days,
        ended=(day - last).days,
    )


async def amount_agrees(result: Assessment, state: Mapping[str, Any], lookup: Lookup) -> Sequence[str]:
    """No more than the record allows, and nothing without cover."""
    facts = state["results"]["extract"]
    record = await lookup(
        assess_amount,
        policy_number=facts["policy_number"],
        peril=facts["peril"],
        loss_date=facts["loss_date"],
        amount=facts["amount"],
    )
    if result.payable != record["payable"]:
        return [f"{result.payable} cents are assessed, but the record allows {record['payable']}"]
    return []


async def decision_follows(result: ClaimDecision, state: Mapping[str, Any], _lookup: Lookup) -> Sequence[str]:
    """Approved is what is covered and payable, for the assessed amount."""
    payable = state["results"]["assess"]["payable"]
    due = state["results"]["coverage"]["covered"] and payable > 0
    problems = []
    if (result.decision == "approve") != due:
        problems.append(f"decision {result.decision} does not follow from cover and assessment")
    if result.payable != (payable if due else 0):
        problems.append(f"{result.payable} cents are proposed, but {payable if due else 0} were assessed")
    return problems


async def sources_exist(result: Answer, state: Mapping[str, Any], _lookup: Lookup) -> Sequence[str]:
    """An answer answers, and cites only what was read."""
    if not result.answered:
        return ["the passages leave the question open"]
    read = {passage["source"] for passage in state["results"]["passages"]}
    return [f"{source} was not among the passages" for source in result.sources if source not in read]
