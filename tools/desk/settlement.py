"""Settlement: the decision on a claim, checked against policy and assessment in the database too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from tools.desk import lookup
from tools.desk.applied import applied
from tools.desk.claims import Claim, check_billed
from tools.desk.database import Desk
from tools.desk.errors import AmountAboveAssessment, Contradiction, NotCovered, WrongState
from tools.desk.policies import assessment, coverage
from tools.desk.terms import ClaimId, Payable, Reason, Settlement
from tools.spec import Caller, EffectKey, Risk, tool

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from tools.desk.records import ClaimRow, PolicyRow


@tool(
    owner="claims",
    risk=Risk.HIGH,
    writes=True,
    undo="reopen_claim",
    data=("claims",),
    needs=("desk",),
    settled_by=applied,
)
async def settle_claim(  # a decision is these four values
    claim_id: ClaimId,
    decision: Annotated[Settlement, Field(description="Decision on the claim: approve or decline")],
    amount: Payable,
    reason: Reason,
    *,
    desk: Desk,
    key: EffectKey,
    caller: Caller,
) -> Claim:
    """Settle an open claim: approve it with the amount to pay, or decline it with 0.

    Raises:
        AmountAboveAssessment: More than the policy pays for this loss.
        NotCovered: Approval of a loss that the policy doesn't cover.
        NotBilled: Approval without an invoice on record.
        Contradiction: Declined with an amount, approved without, or on an invoice of another policy.
        WrongState: The claim isn't open.
        UnknownRecord: Not in the caller's tenant.
    """

    def work(session: Session) -> Claim:
        row = lookup.claim(session, caller, claim_id, lock=True)
        if row.status != "open":
            msg = f"claim {claim_id} is {row.status}; reopen it before deciding again"
            raise WrongState(msg)
        if (decision == "approve") != (amount > 0):
            msg = f"an approved claim has an amount and a declined one has 0, not {decision} with {amount}"
            raise Contradiction(msg)
        if decision == "approve":
            _check_approval(row, lookup.policy(session, caller, row.policy_number), amount)
            check_billed(session, caller, row)
        row.status = "approved" if decision == "approve" else "declined"
        row.payable, row.reason, row.settled_on = amount, reason, desk.today()
        return Claim.model_validate(row)

    return await desk.once(key, caller, Claim, work)


@tool(owner="claims", risk=Risk.MEDIUM, writes=True, data=("claims",), needs=("desk",), settled_by=applied)
async def reopen_claim(claim_id: ClaimId, *, desk: Desk, key: EffectKey, caller: Caller) -> Claim:
    """Reopen a claim that was approved or declined but not paid; its decision is void.

    Raises:
        WrongState: The claim is open, withdrawn or paid.
        UnknownRecord: Not in the caller's tenant.
    """

    def work(session: Session) -> Claim:
        row = lookup.claim(session, caller, claim_id, lock=True)
        if row.status not in {"approved", "declined"}:
            msg = f"claim {claim_id} is {row.status}; only an approved or declined claim can be reopened"
            hint = "; recall its payment first" if row.status == "paid" else ""
            raise WrongState(msg + hint)
        row.status = "open"
        row.payable = row.reason = row.settled_on = None
        return Claim.model_validate(row)

    return await desk.once(key, caller, Claim, work)


def _check_approval(claim: ClaimRow, policy: PolicyRow, amount: int) -> None:
    found = coverage(policy, claim.peril, claim.loss_date)
    if not found.covered:
        msg = f"claim {claim.claim_id} can't be approved: {found.reason}; decline it or correct the facts"
        raise NotCovered(msg)
    payable = assessment(policy, claim.peril, claim.loss_date, claim.amount).payable
    if amount > payable:
        msg = f"the policy pays {payable} cents for claim {claim.claim_id}, not {amount}; assess it again"
        raise AmountAboveAssessment(msg)
