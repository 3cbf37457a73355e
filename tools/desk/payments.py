"""Payments: money for approved claims, to the customer's own account and nowhere else."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated

from sqlalchemy import func, select

from tools.desk import lookup
from tools.desk.applied import applied
from tools.desk.claims import check_billed
from tools.desk.database import Desk, next_number
from tools.desk.errors import (
    AlreadyPaid,
    AmountAboveAssessment,
    ClaimNotSettled,
    UnknownRecord,
    WrongAccount,
    WrongState,
)
from tools.desk.iban import compact
from tools.desk.records import ClaimRow, PaymentRow
from tools.desk.terms import Amount, ClaimId, IbanArg, PaymentId, PaymentStatus, Record
from tools.spec import Caller, EffectKey, Personal, Risk, tool

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from tools.desk.records import CustomerRow

ONE_LOSS = dt.timedelta(days=3)
"""Losses under one policy that lie no further apart count as one against the limit of authority."""


class Payment(Record):
    """A payment; `amount` in cents."""

    payment_id: str
    claim_id: str
    customer_id: str
    amount: int
    iban: Annotated[str, Personal("iban")]
    status: PaymentStatus
    paid_on: dt.date


@tool(owner="claims", data=("claims",), needs=("desk",))
async def settled_nearby(claim_id: ClaimId, *, desk: Desk, caller: Caller) -> int:
    """Sum up, in cents, what the policy's other claims around the same day were approved for, paid or not.

    A claim is settled before it is paid: of two that are paid at the same moment one sees the other.
    """

    def work(session: Session) -> int:
        try:
            claim = lookup.claim(session, caller, claim_id)
        except UnknownRecord:
            return 0  # there is nothing to pay either
        query = select(func.sum(ClaimRow.payable)).where(
            ClaimRow.policy_number == claim.policy_number,
            ClaimRow.claim_id != claim_id,
            ClaimRow.status.in_(("approved", "paid")),
            ClaimRow.loss_date.between(claim.loss_date - ONE_LOSS, claim.loss_date + ONE_LOSS),
        )
        return int(session.scalars(query).one() or 0)

    return await desk.read(work)


@tool(
    owner="claims",
    risk=Risk.HIGH,
    writes=True,
    undo="recall_payment",
    data=("claims", "bank"),
    needs=("desk",),
    settled_by=applied,
    already=settled_nearby,
)
async def pay_claim(  # the last three come from the gateway
    claim_id: ClaimId,
    amount: Amount,
    iban: IbanArg,
    *,
    desk: Desk,
    key: EffectKey,
    caller: Caller,
) -> Payment:
    """Pay an approved claim into the customer's own bank account.

    Raises:
        AlreadyPaid: The claim has been paid.
        ClaimNotSettled: The claim has no approved assessment.
        NotBilled: It has no invoice on record.
        AmountAboveAssessment: More than what was approved.
        WrongAccount: Not the account on the customer's record.
        UnknownRecord: Not in the caller's tenant.
    """

    def work(session: Session) -> Payment:
        claim = lookup.claim(session, caller, claim_id, lock=True)
        customer = lookup.customer(session, caller, claim.customer_id, lock=True)
        _check_payment(claim, customer, amount, compact(iban))
        check_billed(session, caller, claim)
        row = PaymentRow(
            payment_id=next_number(session, "PAY"),
            claim_id=claim_id,
            customer_id=claim.customer_id,
            amount=amount,
            iban=compact(iban),
            status="sent",
            paid_on=desk.today(),
        )
        claim.status = "paid"
        session.add(row)
        session.flush()
        return Payment.model_validate(row)

    return await desk.once(key, caller, Payment, work)


@tool(
    owner="claims",
    risk=Risk.MEDIUM,
    writes=True,
    data=("claims", "bank"),
    needs=("desk",),
    settled_by=applied,
)
async def recall_payment(payment_id: PaymentId, *, desk: Desk, key: EffectKey, caller: Caller) -> Payment:
    """Recall a payment that was sent; its claim is approved and unpaid again.

    Raises:
        WrongState: The payment has been recalled already.
        UnknownRecord: Not in the caller's tenant.
    """

    def work(session: Session) -> Payment:
        row = lookup.payment(session, caller, payment_id)
        if row.status != "sent":
            msg = f"payment {payment_id} is {row.status}; there is nothing left to recall"
            raise WrongState(msg)
        row.status = "recalled"
        lookup.claim(session, caller, row.claim_id, lock=True).status = "approved"
        return Payment.model_validate(row)

    return await desk.once(key, caller, Payment, work)


def _check_payment(claim: ClaimRow, customer: CustomerRow, amount: int, iban: str) -> None:
    number = claim.claim_id
    if claim.status == "paid":
        msg = f"claim {number} is paid already; see its payment with the customer's claims"
        raise AlreadyPaid(msg)
    if claim.status != "approved" or claim.payable is None:
        msg = f"claim {number} has no approved assessment; run `tower run --graph sequential` on it first"
        raise ClaimNotSettled(msg)
    if amount > claim.payable:
        msg = f"claim {number} was approved for {claim.payable} cents, not {amount}; pay at most that"
        raise AmountAboveAssessment(msg)
    if iban != customer.iban:
        msg = (
            f"this is not the account on record of {customer.customer_id}; pay to the one from find_customer"
        )
        raise WrongAccount(msg)
