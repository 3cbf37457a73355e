"""Billing after somebody there changed it, without raising its major version."""

from __future__ import annotations

import datetime as dt

from tools.desk import lookup
from tools.desk.billing import list_invoices
from tools.desk.database import Desk
from tools.desk.neighbours import BILLING
from tools.desk.terms import InvoiceNumber, Record
from tools.remote.mcp_server import PATH, mcp_application
from tools.remote.serve import serve
from tools.spec import Caller, tool


class Invoice(Record):
    """Cents became a text, and the number another name."""

    invoice_number: str
    customer_id: str
    policy_number: str
    kind: str
    vendor: str | None
    description: str
    total: str
    issued_on: dt.date
    due_on: dt.date
    status: str
    paid_on: dt.date | None


@tool(owner="billing")
async def get_invoice(invoice_number: InvoiceNumber, *, desk: Desk, caller: Caller) -> Invoice:
    """Look up one invoice."""
    row = await desk.read(lambda s: lookup.invoice(s, caller, invoice_number))
    fields = {name: getattr(row, name) for name in Invoice.model_fields if name != "total"}
    return Invoice(**fields, total=f"{row.amount / 100:.2f}")


if __name__ == "__main__":
    serve(BILLING, mcp_application(BILLING.name, "1.7", [get_invoice, list_invoices]), PATH)
