"""What the records say about one customer: the sets that arguments must come from, and values to mask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import String, bindparam, func, literal, select, union_all

from tools.desk.iban import printed
from tools.desk.records import ClaimRow, CustomerRow, InvoiceRow, PolicyRow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

    from tools.desk.database import Desk

NUMBERS = {
    "policies": PolicyRow.policy_number,
    "claims": ClaimRow.claim_id,
    "invoices": InvoiceRow.invoice_number,
}
ASKED = bindparam("customer_id", type_=String())
# Built once: putting a statement together costs more than running it.
CUSTOMER = select(CustomerRow.__table__).where(
    CustomerRow.customer_id == ASKED, CustomerRow.tenant == bindparam("tenant")
)
OWN_NUMBERS = union_all(
    *(
        select(literal(name).label("kind"), number).where(number.class_.customer_id == ASKED)
        for name, number in NUMBERS.items()
    )
)


@dataclass(frozen=True)
class Records:
    """One customer's own values.

    Attributes:
        known: Personal values, in the spellings that letters use → token kind.
        trusted: The customer's own numbers by kind; `accounts` are raw IBANs, for the caller to tokenise.
    """

    known: Mapping[str, str]
    trusted: Mapping[str, frozenset[str]]


async def records_of(desk: Desk, tenant: str, customer_id: str) -> Records | None:
    """What the records say about a customer, or None where the tenant doesn't have it."""

    def work(session: Session) -> Records | None:
        given = {"customer_id": customer_id, "tenant": tenant}
        connection = session.connection()
        customer = connection.execute(CUSTOMER, given).one_or_none()
        if customer is None:
            return None
        own = connection.execute(OWN_NUMBERS, given).all()
        trusted = {name: frozenset(number for kind, number in own if kind == name) for name in NUMBERS}
        trusted["customers"] = frozenset({customer_id})
        trusted["accounts"] = frozenset({customer.iban} if customer.iban else ())
        return Records(_spellings(customer), trusted)

    return await desk.read(work)


async def find_by_email(desk: Desk, tenant: str, email: str) -> str | None:
    """The number of the one customer with this address; None if there is none, or more than one."""

    def work(session: Session) -> str | None:
        same = func.lower(CustomerRow.email) == email.strip().lower()
        query = select(CustomerRow.customer_id).where(CustomerRow.tenant == tenant, same)
        found = session.scalars(query).all()
        return found[0] if len(found) == 1 else None

    return await desk.read(work)


def _spellings(row: Any) -> dict[str, str]:
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
