"""Measures: a closed set of numbers about claims, payments and complaints; never a record of a person."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field
from sqlalchemy import Select, extract, func, literal, select

from tools.desk.database import Desk
from tools.desk.records import (
    ClaimRow,
    ComplaintRow,
    CustomerRow,
    InvoiceRow,
    NoteRow,
    PaymentRow,
    PolicyRow,
)
from tools.desk.terms import ClaimStatus, Peril, Product, Record
from tools.spec import Caller, tool

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

Quantity = Literal[
    "claims_opened", "claims_decided", "complaints", "amount_claimed", "amount_paid", "days_to_decision"
]
Dimension = Literal["month", "peril", "product", "status", "country", "vendor"]
Country = Literal["DE", "NL", "FR", "ES", "AT", "GR", "IE", "FI"]

FEWEST = 3
"""An amount or an average over fewer cases would tell one customer's own, so it is withheld."""

SECONDS_A_DAY = 86_400


@dataclass(frozen=True)
class Measure:
    """How a number is made.

    Attributes:
        value: Aggregate over the joined rows.
        cases: What it counts or averages over; also what may be too few.
        on: The date that months and periods are about.
        unit: `count`, `cents` or `days`.
        about: Which rows it joins: `claims`, `payments` or `complaints`.
    """

    value: Any
    cases: Any
    on: Any
    unit: str
    about: str = "claims"


MEASURES: dict[Quantity, Measure] = {
    "claims_opened": Measure(func.count(), func.count(), ClaimRow.opened_on, "count"),
    "claims_decided": Measure(func.count(), func.count(), ClaimRow.settled_on, "count"),
    "complaints": Measure(func.count(), func.count(), NoteRow.noted_on, "count", "complaints"),
    "amount_claimed": Measure(func.sum(ClaimRow.amount), func.count(), ClaimRow.opened_on, "cents"),
    "amount_paid": Measure(
        func.sum(PaymentRow.amount), func.count(), PaymentRow.paid_on, "cents", "payments"
    ),
    "days_to_decision": Measure(
        func.avg(
            (extract("epoch", ClaimRow.settled_on) - extract("epoch", ClaimRow.opened_on)) / SECONDS_A_DAY
        ),
        func.count(),
        ClaimRow.settled_on,
        "days",
    ),
}
DIMENSIONS: dict[str, Any] = {
    "peril": ClaimRow.peril,
    "product": PolicyRow.product,
    "status": ClaimRow.status,
    "country": CustomerRow.country,
    "vendor": InvoiceRow.vendor,
}
OF_CUSTOMERS = {None, "month", "country"}
"""What a complaint can be split by though it is about no claim."""


class Cell(Record):
    """One number; `value` is None where it rests on fewer than three cases and is withheld."""

    key: str
    value: float | int | None


class Measurement(Record):
    """A measure with its filters, its cells and the value over all of them."""

    quantity: Quantity
    unit: str
    by: Dimension | None
    where: dict[str, str]
    cells: list[Cell]
    total: float | int | None


@tool(owner="insight", data=("statistics",), needs=("desk",))
async def measure(  # noqa: PLR0913, PLR0917 - each filter is an argument of its own, so that policy and schema see it
    quantity: Annotated[
        Quantity,
        Field(
            description="What to measure. Complaints by peril, product, status or vendor are those about a "
            "claim; days_to_decision and claims_decided go by the day of the decision"
        ),
    ],
    by: Annotated[Dimension | None, Field(description="Split by; vendor is who billed the repair")] = None,
    peril: Annotated[Peril | None, Field(description="Only claims of this peril")] = None,
    product: Annotated[Product | None, Field(description="Only claims on this product")] = None,
    status: Annotated[ClaimStatus | None, Field(description="Only claims that stand like this")] = None,
    country: Annotated[Country | None, Field(description="Only customers who live there")] = None,
    since: Annotated[dt.date | None, Field(description="First day")] = None,
    until: Annotated[dt.date | None, Field(description="Last day")] = None,
    *,
    desk: Desk,
    caller: Caller,
) -> Measurement:
    """Measure one number of this insurer, whole or split: counts, cents and days, never records."""
    given = {"peril": peril, "product": product, "status": status, "country": country}
    where = {column: value for column, value in given.items() if value}
    return await desk.read(lambda s: _measured(s, caller.tenant, quantity, by, where, since, until))


def _measured(
    session: Session,
    tenant: str,
    quantity: Quantity,
    by: Dimension | None,
    where: dict[str, Any],
    since: dt.date | None,
    until: dt.date | None,
) -> Measurement:
    wanted = MEASURES[quantity]

    def query(key: Any) -> Select[Any]:
        selected = select(key.label("key"), wanted.value.label("value"), wanted.cases.label("cases"))
        rows = _joined(selected, wanted.about, claims=not {*where, by} <= OF_CUSTOMERS).where(
            CustomerRow.tenant == tenant
        )
        rows = rows.where(wanted.on.is_not(None), *(DIMENSIONS[k] == v for k, v in where.items()))
        if since:
            rows = rows.where(wanted.on >= since)
        return rows.where(wanted.on <= until) if until else rows

    whole = session.execute(query(literal("all"))).one()
    cells = []
    if by:
        key = _month(wanted.on) if by == "month" else DIMENSIONS[by]
        cells = [_cell(row, wanted.unit) for row in session.execute(query(key).group_by(key).order_by(key))]
    if by == "month" and wanted.unit != "days":
        cells = _without_gaps(cells, since)
    total = _cell(whole, wanted.unit).value
    if wanted.unit == "cents" and any(cell.value is None for cell in cells):
        total = None  # with it the withheld cell could be worked out
    period = {"since": since, "until": until}
    shown = where | {k: d.isoformat() for k, d in period.items() if d}
    return Measurement(quantity=quantity, unit=wanted.unit, by=by, where=shown, cells=cells, total=total)


def _joined(selected: Select[Any], about: str, *, claims: bool) -> Select[Any]:
    """The rows of a measure with their customers, and their claims, policies and bills where needed."""
    if about == "complaints":
        rows = selected.select_from(NoteRow).join(CustomerRow, CustomerRow.customer_id == NoteRow.customer_id)
        rows = rows.where(NoteRow.kind == "complaint", NoteRow.removed.is_(False))
        if not claims:
            return rows
        rows = rows.join(ComplaintRow, ComplaintRow.note_id == NoteRow.note_id)
        rows = rows.join(ClaimRow, ClaimRow.claim_id == ComplaintRow.claim_id)
    else:
        rows = selected.select_from(ClaimRow)
        rows = rows.join(CustomerRow, CustomerRow.customer_id == ClaimRow.customer_id)
    if about == "payments":
        rows = rows.join(PaymentRow, PaymentRow.claim_id == ClaimRow.claim_id).where(
            PaymentRow.status == "sent"
        )
    rows = rows.join(PolicyRow, PolicyRow.policy_number == ClaimRow.policy_number)
    return rows.outerjoin(InvoiceRow, InvoiceRow.invoice_number == ClaimRow.invoice_number)


def _month(day: Any) -> Any:
    """A date's month as one number, such as 202603, on either database."""
    return extract("year", day) * 100 + extract("month", day)


def _cell(row: Any, unit: str) -> Cell:
    key = str(row.key) if row.key is not None else "none"
    if key.isdigit():
        key = f"{key[:4]}-{key[4:]}"
    if unit == "count":
        return Cell(key=key, value=row.value)
    if row.cases < FEWEST:
        return Cell(key=key, value=None)
    return Cell(key=key, value=int(row.value) if unit == "cents" else round(float(row.value), 1))


def _without_gaps(cells: list[Cell], since: dt.date | None) -> list[Cell]:
    """Months between the first and the last in which nothing happened are zero, not missing."""
    if not cells:
        return cells
    known = {cell.key: cell for cell in cells}
    year, month = (since.year, since.month) if since else map(int, cells[0].key.split("-"))
    filled = []
    while (key := f"{year}-{month:02d}") <= cells[-1].key:
        filled.append(known.get(key) or Cell(key=key, value=0))
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)  # noqa: PLR2004 - months
    return filled
