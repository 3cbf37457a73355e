"""Data readiness: gaps, contradictions and staleness in the desk's records, for `tower doctor --data`."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

from sqlalchemy import select

from tools.desk.iban import is_valid
from tools.desk.records import ClaimRow, CustomerRow, InvoiceRow, NoteRow, PaymentRow, PolicyRow
from tools.desk.seed_ledger import REFERENCE_DATE

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from tools.desk.database import Desk

R = TypeVar("R", PolicyRow, InvoiceRow, ClaimRow, PaymentRow, NoteRow)

SILENT_YEARS = 3
"""A customer without a contact for longer is stale."""

OPEN_DAYS = 180
"""A claim that is open for longer is stale."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with the records.

    Attributes:
        subject: Number of the record.
        problem: One sentence without personal data.
    """

    kind: Literal["gap", "contradiction", "staleness"]
    subject: str
    problem: str


async def report(desk: Desk, tenant: str, on: dt.date = REFERENCE_DATE) -> list[Finding]:
    """Examine a tenant's records.

    Args:
        on: The day from which age is counted.

    Returns:
        Findings by kind and then by number.
    """

    def work(session: Session) -> list[Finding]:
        records = _read(session, tenant, on)
        found = [finding for rule in RULES for finding in rule(records)]
        return sorted(found, key=lambda finding: (finding.kind, finding.subject, finding.problem))

    return await desk.read(work)


@dataclass(frozen=True, slots=True)
class _Records:
    today: dt.date
    customers: Sequence[CustomerRow]
    policies: dict[str, PolicyRow]
    invoices: Sequence[InvoiceRow]
    claims: dict[str, ClaimRow]
    payments: Sequence[PaymentRow]
    notes: Sequence[NoteRow]


def _read(session: Session, tenant: str, today: dt.date) -> _Records:
    def of(row: type[R]) -> Sequence[R]:
        owned = select(row).join(CustomerRow, CustomerRow.customer_id == row.customer_id)
        return session.scalars(owned.where(CustomerRow.tenant == tenant)).all()

    return _Records(
        today=today,
        customers=session.scalars(select(CustomerRow).where(CustomerRow.tenant == tenant)).all(),
        policies={policy.policy_number: policy for policy in of(PolicyRow)},
        invoices=of(InvoiceRow),
        claims={claim.claim_id: claim for claim in of(ClaimRow)},
        payments=[payment for payment in of(PaymentRow) if payment.status == "sent"],
        notes=[note for note in of(NoteRow) if not note.removed],
    )


def _contact_gaps(records: _Records) -> Iterator[Finding]:
    for customer in records.customers:
        if not customer.email:
            yield Finding("gap", customer.customer_id, "has no e-mail address")
        if not customer.iban:
            yield Finding("gap", customer.customer_id, "has no account to pay to")
        elif not is_valid(customer.iban):
            yield Finding("contradiction", customer.customer_id, "has an IBAN whose check digits don't fit")


def _policies(records: _Records) -> Iterator[Finding]:
    for number, policy in records.policies.items():
        if not policy.covers:
            yield Finding("gap", number, "covers nothing")
        if policy.end < policy.start:
            yield Finding(
                "contradiction", number, f"ends on {policy.end}, before it starts on {policy.start}"
            )


def _claims(records: _Records) -> Iterator[Finding]:
    paid = {payment.claim_id for payment in records.payments}
    for number, claim in records.claims.items():
        if claim.status == "paid" and number not in paid:
            yield Finding("contradiction", number, "is paid, but there is no payment for it")
        policy = records.policies[claim.policy_number]
        # A declined claim may well have been declined for its date.
        within = policy.start <= claim.loss_date <= policy.end
        if claim.status in {"open", "approved", "paid"} and not within:
            period = f"{policy.start} to {policy.end}"
            problem = f"is for a loss on {claim.loss_date}, outside {policy.policy_number} ({period})"
            yield Finding("contradiction", number, problem)
        age = (records.today - claim.opened_on).days
        if claim.status == "open" and age > OPEN_DAYS:
            yield Finding("staleness", number, f"has been open since {claim.opened_on}")


def _payments(records: _Records) -> Iterator[Finding]:
    for payment in records.payments:
        claim = records.claims[payment.claim_id]
        covers = records.policies[claim.policy_number].covers
        limit = next((cover.limit for cover in covers if cover.peril == claim.peril), 0)
        if payment.amount > limit:
            problem = f"of {payment.amount} cents is above the limit of {limit} cents"
            yield Finding("contradiction", payment.payment_id, problem)


def _duplicate_invoices(records: _Records) -> Iterator[Finding]:
    alike: defaultdict[tuple[object, ...], list[str]] = defaultdict(list)
    for row in records.invoices:
        same = (row.policy_number, row.kind, row.vendor, row.description, row.amount, row.issued_on)
        alike[same].append(row.invoice_number)
    for first, *others in map(sorted, alike.values()):
        for number in others:
            yield Finding("contradiction", number, f"bills the same as {first}")


def _silence(records: _Records) -> Iterator[Finding]:
    last: dict[str, dt.date] = {}
    for note in records.notes:
        last[note.customer_id] = max(note.noted_on, last.get(note.customer_id, note.noted_on))
    insured = Counter(policy.customer_id for policy in records.policies.values() if policy.status == "active")
    for customer_id in insured:
        seen = last.get(customer_id)
        if seen and (records.today - seen).days > SILENT_YEARS * 365:
            yield Finding("staleness", customer_id, f"was last in contact on {seen}")


RULES: tuple[Callable[[_Records], Iterator[Finding]], ...] = (
    _contact_gaps,
    _policies,
    _claims,
    _payments,
    _duplicate_invoices,
    _silence,
)
"""What is looked for, one rule a function."""
