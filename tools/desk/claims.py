"""Claims: losses that customers report, from opening to withdrawal."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from sqlalchemy import select

from tools.desk import lookup
from tools.desk.applied import applied
from tools.desk.database import Desk, next_number
from tools.desk.errors import AlreadyClaimed, Contradiction, NotBilled, WrongState
from tools.desk.records import ClaimRow, InvoiceRow, PolicyRow
from tools.desk.terms import (
    Amount,
    ClaimId,
    ClaimStatus,
    CustomerId,
    InvoiceNumber,
    LossDate,
    Peril,
    PerilArg,
    PolicyNumber,
    Record,
)
from tools.spec import Caller, EffectKey, Risk, tool

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session


class Claim(Record):
    """A claim; `amount` is what is asked and `payable` what was approved, in cents."""

    claim_id: str
    customer_id: str
    policy_number: str
    peril: Peril
    loss_date: dt.date
    amount: int
    invoice_number: str | None
    status: ClaimStatus
    payable: int | None
    reason: str | None
    opened_on: dt.date
    settled_on: dt.date | None


@tool(owner="claims", data=("claims",), needs=("desk",))
async def get_claim(claim_id: ClaimId, *, desk: Desk, caller: Caller) -> Claim:
    """Look up one claim with its status and what was decided, `amount` and `payable` in EUR cents.

    Raises:
        UnknownRecord: Not in the caller's tenant.
    """
    return await desk.read(lambda s: Claim.model_validate(lookup.claim(s, caller, claim_id)))


@tool(owner="claims", data=("claims",), needs=("desk",))
async def list_claims(customer_id: CustomerId, *, desk: Desk, caller: Caller) -> list[Claim]:
    """List all claims of a customer, `amount` and `payable` in EUR cents, e.g. has my claim been decided.

    Raises:
        UnknownRecord: No such customer in the caller's tenant.
    """

    def work(session: Session) -> list[Claim]:
        lookup.customer(session, caller, customer_id)
        query = select(ClaimRow).where(ClaimRow.customer_id == customer_id)
        return [Claim.model_validate(row) for row in session.scalars(query.order_by(ClaimRow.claim_id))]

    return await desk.read(work)


@tool(
    owner="claims",
    risk=Risk.MEDIUM,
    writes=True,
    undo="withdraw_claim",
    data=("claims",),
    needs=("desk",),
    yields=("claims", "claim_id"),
    settled_by=applied,
)
async def open_claim(  # one argument per fact of the loss
    policy_number: PolicyNumber,
    peril: PerilArg,
    loss_date: LossDate,
    amount: Amount,
    invoice_number: InvoiceNumber | None = None,
    *,
    desk: Desk,
    key: EffectKey,
    caller: Caller,
) -> Claim:
    """Open a claim for a loss that a customer has reported.

    Whether the loss is covered is for `check_coverage`: a claim that isn't covered is opened and declined.

    Raises:
        Contradiction: The invoice isn't a repair bill of this customer, or is smaller than the amount.
        AlreadyClaimed: The invoice or the loss has a claim already.
        UnknownRecord: Policy or invoice are not in the caller's tenant.
    """

    def work(session: Session) -> Claim:
        policy = lookup.policy(session, caller, policy_number)
        # The lock makes a second claim of this customer wait, so that it sees the first.
        lookup.customer(session, caller, policy.customer_id, lock=True)
        if invoice_number:
            _check_invoice(lookup.invoice(session, caller, invoice_number), policy, amount)
            _check_unclaimed(session, f"invoice {invoice_number}", ClaimRow.invoice_number == invoice_number)
        # A second bill for a loss is for a person: nothing here tells it from the first one sent again.
        _check_unclaimed(
            session,
            f"the {peril} of {loss_date} under {policy_number}",
            ClaimRow.policy_number == policy_number,
            ClaimRow.peril == peril,
            ClaimRow.loss_date == loss_date,
        )
        row = ClaimRow(
            claim_id=next_number(session, "CL"),
            customer_id=policy.customer_id,
            policy_number=policy_number,
            peril=peril,
            loss_date=loss_date,
            amount=amount,
            invoice_number=invoice_number,
            status="open",
            opened_on=desk.today(),
        )
        session.add(row)
        session.flush()
        return Claim.model_validate(row)

    return await desk.once(key, caller, Claim, work)


@tool(owner="claims", risk=Risk.MEDIUM, writes=True, data=("claims",), needs=("desk",), settled_by=applied)
async def withdraw_claim(claim_id: ClaimId, *, desk: Desk, key: EffectKey, caller: Caller) -> Claim:
    """Withdraw a claim that is still open, so that nothing more happens with it.

    Raises:
        WrongState: The claim is settled; reopen it first.
        UnknownRecord: Not in the caller's tenant.
    """

    def work(session: Session) -> Claim:
        row = lookup.claim(session, caller, claim_id, lock=True)
        if row.status != "open":
            msg = f"claim {claim_id} is {row.status}; only an open claim can be withdrawn, so reopen it first"
            raise WrongState(msg)
        row.status = "withdrawn"
        return Claim.model_validate(row)

    return await desk.once(key, caller, Claim, work)


def check_billed(session: Session, caller: Caller, claim: ClaimRow) -> None:
    """Refuse a claim that no invoice on record bears out: nothing is approved or paid for it.

    Raises:
        NotBilled: It has none.
        Contradiction: It isn't this customer's, not for this policy, or is smaller than the claim.
    """
    if not claim.invoice_number:
        msg = f"claim {claim.claim_id} has no invoice on record; ask for it with a more_information letter"
        raise NotBilled(msg)
    policy = lookup.policy(session, caller, claim.policy_number)
    _check_invoice(lookup.invoice(session, caller, claim.invoice_number), policy, claim.amount)


def _check_invoice(invoice: InvoiceRow, policy: PolicyRow, amount: int) -> None:
    number = invoice.invoice_number
    if invoice.kind != "repair" or invoice.customer_id != policy.customer_id:
        msg = f"invoice {number} is not a repair bill of the customer who holds {policy.policy_number}"
        raise Contradiction(msg)
    if invoice.policy_number != policy.policy_number:
        msg = f"invoice {number} is bound to {invoice.policy_number}, not to {policy.policy_number}"
        raise Contradiction(msg)
    if amount > invoice.amount:
        msg = f"invoice {number} bears {invoice.amount} cents, not {amount}; claim at most what was billed"
        raise Contradiction(msg)


def _check_unclaimed(session: Session, what: str, *same: ColumnElement[bool]) -> None:
    earlier = session.scalars(select(ClaimRow.claim_id).where(*same, ClaimRow.status != "withdrawn")).first()
    if earlier:
        msg = f"{what} is already claimed by {earlier}; go on with that claim or withdraw it"
        raise AlreadyClaimed(msg)
