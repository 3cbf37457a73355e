"""Finding records: always within the caller's tenant, so that another tenant's record doesn't exist."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import select

from tools.desk.errors import UnknownRecord
from tools.desk.records import (
    ClaimRow,
    CustomerRow,
    InvoiceRow,
    LetterRow,
    NoteRow,
    PaymentRow,
    PolicyRow,
)

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from tools.spec import Caller

R = TypeVar("R", PolicyRow, InvoiceRow, ClaimRow, PaymentRow, NoteRow, LetterRow)


def customer(session: Session, caller: Caller, customer_id: str, *, lock: bool = False) -> CustomerRow:
    """Find a customer; `lock` keeps others from changing it until this transaction ends.

    Raises:
        UnknownRecord: Not in the caller's tenant.
    """
    query = select(CustomerRow).where(
        CustomerRow.customer_id == customer_id, CustomerRow.tenant == caller.tenant
    )
    row = session.scalars(query.with_for_update() if lock else query).first()
    if row is None:
        raise UnknownRecord(what="customer", number=customer_id)
    return row


def policy(session: Session, caller: Caller, policy_number: str) -> PolicyRow:
    """Find a policy, with its covers."""
    row = session.get(PolicyRow, policy_number)
    return _owned(session, caller, row, "policy", policy_number)


def invoice(session: Session, caller: Caller, invoice_number: str) -> InvoiceRow:
    """Find an invoice."""
    row = session.get(InvoiceRow, invoice_number)
    return _owned(session, caller, row, "invoice", invoice_number)


def claim(session: Session, caller: Caller, claim_id: str, *, lock: bool = False) -> ClaimRow:
    """Find a claim; `lock` keeps others from settling or paying it until this transaction ends."""
    row = session.get(ClaimRow, claim_id, with_for_update=lock or None)
    return _owned(session, caller, row, "claim", claim_id)


def payment(session: Session, caller: Caller, payment_id: str) -> PaymentRow:
    """Find a payment and lock it."""
    row = session.get(PaymentRow, payment_id, with_for_update=True)
    return _owned(session, caller, row, "payment", payment_id)


def note(session: Session, caller: Caller, note_id: str) -> NoteRow:
    """Find a contact note and lock it."""
    row = session.get(NoteRow, note_id, with_for_update=True)
    return _owned(session, caller, row, "note", note_id)


def letter(session: Session, caller: Caller, letter_id: str) -> LetterRow:
    """Find a letter and lock it."""
    row = session.get(LetterRow, letter_id, with_for_update=True)
    return _owned(session, caller, row, "letter", letter_id)


def _owned(session: Session, caller: Caller, row: R | None, what: str, number: str) -> R:
    owner = session.get(CustomerRow, row.customer_id) if row else None
    if row is None or owner is None or owner.tenant != caller.tenant:
        raise UnknownRecord(what, number)
    return row
