"""Letters: rendered from the records, kept in an outbox until they leave."""

from __future__ import annotations

import datetime as dt
from functools import cache
from importlib import resources
from string import Template as TextTemplate
from typing import TYPE_CHECKING, Annotated

from pydantic import Field
from sqlalchemy import select

from tools.desk import lookup
from tools.desk.applied import applied
from tools.desk.database import Desk, next_number
from tools.desk.errors import Contradiction, WrongState
from tools.desk.records import LetterRow, PaymentRow
from tools.desk.terms import ClaimId, CustomerId, LetterId, LetterStatus, Reason, Record, Template
from tools.spec import Caller, EffectKey, Risk, tool

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from tools.desk.records import ClaimRow, CustomerRow

CANCELLATION_WINDOW = dt.timedelta(hours=2)
"""How long a letter lies in the outbox before it leaves."""

COMPANIES = {"harbor": "Harbor Mutual", "lakeside": "Lakeside Mutual"}
STATES_OF: dict[str, frozenset[str]] = {
    "claim_received": frozenset({"open", "approved", "declined", "paid"}),
    "claim_approved": frozenset({"approved", "paid"}),
    "claim_declined": frozenset({"declined"}),
}
"""Claim letters → states of the claim in which they tell the truth."""


class Letter(Record):
    """A letter without its text; `leaves_at` is when it can't be cancelled any more."""

    letter_id: str
    customer_id: str
    claim_id: str | None
    template: Template
    status: LetterStatus
    leaves_at: dt.datetime


@tool(
    owner="service",
    risk=Risk.MEDIUM,
    writes=True,
    undo="cancel_letter",
    window=CANCELLATION_WINDOW,
    data=("contact", "claims"),
    needs=("desk",),
    settled_by=applied,
)
async def send_letter(  # the last three come from the gateway
    customer_id: CustomerId,
    template: Annotated[Template, Field(description="Which letter to send")],
    claim_id: ClaimId | None = None,
    reason: Reason = "",
    *,
    desk: Desk,
    key: EffectKey,
    caller: Caller,
) -> Letter:
    """Send a customer a letter, rendered from the records; it leaves after a cancellation window.

    Raises:
        Contradiction: A claim letter without a claim, with another customer's, or against its state.
        UnknownRecord: Customer or claim are not in the caller's tenant.
    """

    def work(session: Session) -> Letter:
        customer = lookup.customer(session, caller, customer_id)
        claim = lookup.claim(session, caller, claim_id) if claim_id else None
        _check_claim(template, customer, claim)
        paid = _paid(session, claim_id)
        row = LetterRow(
            letter_id=next_number(session, "L"),
            customer_id=customer_id,
            claim_id=claim_id,
            template=template,
            body=render(template, customer, claim, paid, reason, desk.today()),
            status="queued",
            leaves_at=(desk.clock() + CANCELLATION_WINDOW).isoformat(),
        )
        session.add(row)
        return Letter.model_validate(row)

    return await desk.once(key, caller, Letter, work)


@tool(owner="service", writes=True, data=("contact",), needs=("desk",), settled_by=applied)
async def cancel_letter(letter_id: LetterId, *, desk: Desk, key: EffectKey, caller: Caller) -> Letter:
    """Cancel a letter that hasn't left the outbox.

    Raises:
        WrongState: It has left, or was cancelled already.
        UnknownRecord: Not in the caller's tenant.
    """

    def work(session: Session) -> Letter:
        row = lookup.letter(session, caller, letter_id)
        if row.status != "queued":
            msg = f"letter {letter_id} was cancelled already; nothing is left to do"
            raise WrongState(msg)
        if desk.clock() >= dt.datetime.fromisoformat(row.leaves_at):
            msg = f"letter {letter_id} left at {row.leaves_at}; send a correcting letter instead"
            raise WrongState(msg)
        row.status = "cancelled"
        return Letter.model_validate(row)

    return await desk.once(key, caller, Letter, work)


def render(
    template: Template,
    customer: CustomerRow,
    claim: ClaimRow | None,
    paid: int | None,
    reason: str,
    today: dt.date,
) -> str:
    """Fill a letter's text from the records.

    Args:
        paid: What was sent for the claim, which may be less than was approved; None if nothing was.
        reason: Stands in the letter as it is; empty leaves no gap.
    """
    values = {
        "company": COMPANIES.get(customer.tenant, customer.tenant),
        "name": customer.name,
        "street": customer.street,
        "city": customer.city,
        "customer_id": customer.customer_id,
        "date": today.isoformat(),
        "reason": f"{reason}\n\n" if reason else "",
    }
    if claim is not None:
        values |= {
            "claim_id": claim.claim_id,
            "policy_number": claim.policy_number,
            "peril": claim.peril.replace("_", " "),
            "loss_date": claim.loss_date.isoformat(),
            "amount": euros(claim.amount),
            "payable": euros(claim.payable or 0 if paid is None else paid),
        }
    return text_of(template).substitute(values)


def euros(cents: int) -> str:
    """Money as it is written in a letter, such as `EUR 1,234.50`."""
    return f"EUR {cents // 100:,}.{cents % 100:02d}"


@cache
def text_of(template: Template) -> TextTemplate:
    """A letter's text, with places for what is filled in."""
    path = resources.files("tools.desk") / "letters" / f"{template}.txt"
    return TextTemplate(path.read_text(encoding="utf-8"))


def _paid(session: Session, claim_id: str | None) -> int | None:
    sent = select(PaymentRow.amount).where(PaymentRow.claim_id == claim_id, PaymentRow.status == "sent")
    return session.scalar(sent)


def _check_claim(template: Template, customer: CustomerRow, claim: ClaimRow | None) -> None:
    if claim is not None and claim.customer_id != customer.customer_id:
        msg = f"claim {claim.claim_id} is not {customer.customer_id}'s; name the customer of the claim"
        raise Contradiction(msg)
    states = STATES_OF.get(template)
    if states and claim is None:
        msg = f"a {template} letter needs claim_id; name the claim that it is about"
        raise Contradiction(msg)
    if states and claim is not None and claim.status not in states:
        msg = f"claim {claim.claim_id} is {claim.status}, so {template} would be untrue; settle it first"
        raise Contradiction(msg)
