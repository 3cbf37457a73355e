"""Billing: premiums that customers owe us, and bills of those who repaired a loss."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from sqlalchemy import select

from tools.desk import lookup
from tools.desk.database import Desk
from tools.desk.neighbours import BILLING
from tools.desk.records import InvoiceRow
from tools.desk.terms import CustomerId, InvoiceKind, InvoiceNumber, InvoiceStatus, Record
from tools.remote.system import behind
from tools.spec import Caller, tool

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


class Invoice(Record):
    """An invoice; `amount` in cents, `vendor` only on repair bills."""

    invoice_number: str
    customer_id: str
    policy_number: str
    kind: InvoiceKind
    vendor: str | None
    description: str
    amount: int
    issued_on: dt.date
    due_on: dt.date
    status: InvoiceStatus
    paid_on: dt.date | None


@behind(BILLING)
@tool(owner="billing", data=("billing",), needs=("desk",))
async def list_invoices(customer_id: CustomerId, *, desk: Desk, caller: Caller) -> list[Invoice]:
    """List a customer's premiums and bills, `amount` in EUR cents, with status, e.g. when is my premium due.

    Raises:
        UnknownRecord: No such customer in the caller's tenant.
    """

    def work(session: Session) -> list[Invoice]:
        lookup.customer(session, caller, customer_id)
        query = select(InvoiceRow).where(InvoiceRow.customer_id == customer_id)
        rows = session.scalars(query.order_by(InvoiceRow.invoice_number))
        return [Invoice.model_validate(row) for row in rows]

    return await desk.read(work)


@behind(BILLING)
@tool(owner="billing", data=("billing",), needs=("desk",))
async def get_invoice(invoice_number: InvoiceNumber, *, desk: Desk, caller: Caller) -> Invoice:
    """Look up one invoice with its `amount` in EUR cents, dates and status.

    Raises:
        UnknownRecord: Not in the caller's tenant.
    """
    return await desk.read(lambda s: Invoice.model_validate(lookup.invoice(s, caller, invoice_number)))
