"""What the records say about one customer: the sets that arguments must come from, and values to mask."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from tools.desk.iban import printed
from tools.desk.records import ClaimRow, CustomerRow, InvoiceRow, PolicyRow

if TYPE_CHECKING:
    from sqlalchemy.orm import InstrumentedAttribute, Session

    from tools.desk.database import Desk


async def trusted_sets(desk: Desk, tenant: str, customer_id: str) -> dict[str, frozenset[str]]:
    """The customer's own numbers by kind; `accounts` are raw IBANs, for the caller to tokenise.

    Every set is empty for a customer that the tenant doesn't have.
    """

    def work(session: Session) -> dict[str, frozenset[str]]:
        def of(column: InstrumentedAttribute[str]) -> frozenset[str]:
            query = select(column).join(CustomerRow, CustomerRow.customer_id == column.class_.customer_id)
            own = query.where(CustomerRow.tenant == tenant, CustomerRow.customer_id == customer_id)
            return frozenset(session.scalars(own))

        customer = _customer(session, tenant, customer_id)
        return {
            "customers": frozenset({customer_id} if customer else ()),
            "policies": of(PolicyRow.policy_number),
            "claims": of(ClaimRow.claim_id),
            "invoices": of(InvoiceRow.invoice_number),
            "accounts": frozenset({customer.iban} if customer and customer.iban else ()),
        }

    return await desk.read(work)


async def find_by_email(desk: Desk, tenant: str, email: str) -> str | None:
    """The number of the one customer with this address; None if there is none, or more than one."""

    def work(session: Session) -> str | None:
        same = func.lower(CustomerRow.email) == email.strip().lower()
        query = select(CustomerRow.customer_id).where(CustomerRow.tenant == tenant, same)
        found = session.scalars(query).all()
        return found[0] if len(found) == 1 else None

    return await desk.read(work)


async def known_values(desk: Desk, tenant: str, customer_id: str) -> dict[str, str]:
    """The customer's personal values → token kind, in the spellings that letters use."""

    def work(session: Session) -> dict[str, str]:
        row = _customer(session, tenant, customer_id)
        return _spellings(row) if row else {}

    return await desk.read(work)


def _customer(session: Session, tenant: str, customer_id: str) -> CustomerRow | None:
    row = session.get(CustomerRow, customer_id)
    return row if row and row.tenant == tenant else None


def _spellings(row: CustomerRow) -> dict[str, str]:
    born = row.birthdate
    values: dict[str | None, str] = {
        row.name: "person",
        row.email: "email",
        row.phone: "phone",
        row.phone and row.phone.replace(" ", ""): "phone",
        row.iban: "iban",
        row.iban and printed(row.iban): "iban",
        row.street: "address",
        row.city: "address",
        born.isoformat(): "birthdate",
        born.strftime("%d.%m.%Y"): "birthdate",
        born.strftime("%d/%m/%Y"): "birthdate",
    }
    return {value: kind for value, kind in values.items() if value}
