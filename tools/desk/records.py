"""The desk's tables, as typed rows; names start with `desk_` since a server may hold other stores too."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from tools.desk.terms import (
    ClaimStatus,
    InvoiceKind,
    InvoiceStatus,
    LetterStatus,
    NoteKind,
    PaymentStatus,
    Peril,
    PolicyStatus,
    Product,
    Template,
)


class Row(DeclarativeBase):
    """Any row of the desk."""


class CustomerRow(Row):
    """A person that a tenant insures."""

    __tablename__ = "desk_customers"

    customer_id: Mapped[str] = mapped_column(primary_key=True)
    tenant: Mapped[str] = mapped_column(index=True)
    name: Mapped[str]
    email: Mapped[str | None] = mapped_column(index=True)
    phone: Mapped[str | None]
    birthdate: Mapped[dt.date]
    street: Mapped[str]
    city: Mapped[str]
    country: Mapped[str]
    iban: Mapped[str | None]
    since: Mapped[dt.date]


class PolicyRow(Row):
    """A contract with one customer; money in cents."""

    __tablename__ = "desk_policies"

    policy_number: Mapped[str] = mapped_column(primary_key=True)
    customer_id: Mapped[str] = mapped_column(ForeignKey(CustomerRow.customer_id), index=True)
    product: Mapped[Product] = mapped_column(String)
    status: Mapped[PolicyStatus] = mapped_column(String)
    start: Mapped[dt.date]
    end: Mapped[dt.date]
    deductible: Mapped[int]
    premium: Mapped[int]
    covers: Mapped[list[CoverRow]] = relationship(order_by="CoverRow.peril", lazy="selectin", viewonly=True)


class CoverRow(Row):
    """A peril that a policy covers, up to a limit per loss."""

    __tablename__ = "desk_covers"

    policy_number: Mapped[str] = mapped_column(ForeignKey(PolicyRow.policy_number), primary_key=True)
    peril: Mapped[Peril] = mapped_column(String, primary_key=True)
    limit: Mapped[int]


class InvoiceRow(Row):
    """A premium that the customer owes us, or a vendor's bill for a loss."""

    __tablename__ = "desk_invoices"

    invoice_number: Mapped[str] = mapped_column(primary_key=True)
    customer_id: Mapped[str] = mapped_column(ForeignKey(CustomerRow.customer_id), index=True)
    policy_number: Mapped[str] = mapped_column(ForeignKey(PolicyRow.policy_number))
    kind: Mapped[InvoiceKind] = mapped_column(String)
    vendor: Mapped[str | None]
    description: Mapped[str]
    amount: Mapped[int]
    issued_on: Mapped[dt.date]
    due_on: Mapped[dt.date]
    status: Mapped[InvoiceStatus] = mapped_column(String)
    paid_on: Mapped[dt.date | None]


class ClaimRow(Row):
    """A loss that a customer wants paid; `payable` is the assessment that was approved."""

    __tablename__ = "desk_claims"
    __table_args__ = (
        # Two requests at the same moment must not open two claims on one bill.
        Index(
            "desk_claims_one_per_invoice",
            "invoice_number",
            unique=True,
            sqlite_where=text("status <> 'withdrawn'"),
            postgresql_where=text("status <> 'withdrawn'"),
        ),
        # Nor on one loss: an empty invoice number is equal to no other.
        Index(
            "desk_claims_one_per_loss",
            *("policy_number", "peril", "loss_date"),
            unique=True,
            sqlite_where=text("status <> 'withdrawn'"),
            postgresql_where=text("status <> 'withdrawn'"),
        ),
    )

    claim_id: Mapped[str] = mapped_column(primary_key=True)
    customer_id: Mapped[str] = mapped_column(ForeignKey(CustomerRow.customer_id), index=True)
    policy_number: Mapped[str] = mapped_column(ForeignKey(PolicyRow.policy_number), index=True)
    peril: Mapped[Peril] = mapped_column(String)
    loss_date: Mapped[dt.date]
    amount: Mapped[int]
    invoice_number: Mapped[str | None] = mapped_column(ForeignKey(InvoiceRow.invoice_number))
    status: Mapped[ClaimStatus] = mapped_column(String)
    payable: Mapped[int | None]
    reason: Mapped[str | None]
    opened_on: Mapped[dt.date]
    settled_on: Mapped[dt.date | None]


class PaymentRow(Row):
    """Money sent for a claim."""

    __tablename__ = "desk_payments"
    __table_args__ = (
        Index(
            "desk_payments_one_per_claim",
            "claim_id",
            unique=True,
            sqlite_where=text("status = 'sent'"),
            postgresql_where=text("status = 'sent'"),
        ),
    )

    payment_id: Mapped[str] = mapped_column(primary_key=True)
    claim_id: Mapped[str] = mapped_column(ForeignKey(ClaimRow.claim_id))
    customer_id: Mapped[str] = mapped_column(ForeignKey(CustomerRow.customer_id), index=True)
    amount: Mapped[int]
    iban: Mapped[str]
    status: Mapped[PaymentStatus] = mapped_column(String)
    paid_on: Mapped[dt.date]


class NoteRow(Row):
    """What a customer said, or what we noted about it."""

    __tablename__ = "desk_notes"

    note_id: Mapped[str] = mapped_column(primary_key=True)
    customer_id: Mapped[str] = mapped_column(ForeignKey(CustomerRow.customer_id), index=True)
    kind: Mapped[NoteKind] = mapped_column(String)
    text: Mapped[str]
    noted_on: Mapped[dt.date]
    author: Mapped[str]
    removed: Mapped[bool] = mapped_column(default=False)


class ComplaintRow(Row):
    """Which claim a complaint is about; one about anything else has no row here."""

    __tablename__ = "desk_complaints"

    note_id: Mapped[str] = mapped_column(ForeignKey(NoteRow.note_id), primary_key=True)
    claim_id: Mapped[str] = mapped_column(ForeignKey(ClaimRow.claim_id), index=True)


class LetterRow(Row):
    """A letter in the outbox; it can be cancelled until it leaves."""

    __tablename__ = "desk_letters"

    letter_id: Mapped[str] = mapped_column(primary_key=True)
    customer_id: Mapped[str] = mapped_column(ForeignKey(CustomerRow.customer_id), index=True)
    claim_id: Mapped[str | None] = mapped_column(ForeignKey(ClaimRow.claim_id))
    template: Mapped[Template] = mapped_column(String)
    body: Mapped[str]
    status: Mapped[LetterStatus] = mapped_column(String)
    leaves_at: Mapped[str] = mapped_column(String(32))
    """ISO 8601 in UTC, as text: SQLite keeps no time zones."""


class CounterRow(Row):
    """The last number given out, by kind of record."""

    __tablename__ = "desk_counters"

    kind: Mapped[str] = mapped_column(primary_key=True)
    last: Mapped[int]


class AppliedRow(Row):
    """An effect that was made under an idempotency key, with its result."""

    __tablename__ = "desk_applied"

    key: Mapped[str] = mapped_column(primary_key=True)
    tenant: Mapped[str]
    effect: Mapped[str]
    result: Mapped[Any] = mapped_column(JSON, nullable=True)
