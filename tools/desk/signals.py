"""Signals: what our records say for and against a claim, by fixed rules."""

from __future__ import annotations

import datetime as dt
import statistics
from typing import TYPE_CHECKING

from sqlalchemy import select

from tools.desk import lookup
from tools.desk.database import Desk
from tools.desk.neighbours import HISTORY
from tools.desk.policies import assessment
from tools.desk.records import ClaimRow, CustomerRow, InvoiceRow, NoteRow
from tools.desk.terms import ClaimId, Peril, Record
from tools.remote.system import behind
from tools.spec import Caller, tool

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

EARLY = dt.timedelta(days=30)
"""A loss this soon after the policy began is a signal."""

YEAR = dt.timedelta(days=365)
MANY_CLAIMS = 3
"""So many claims within a year before the loss are a concern."""

UNUSUAL = 3
"""Times the usual amount of this peril from which an amount is unusual."""

FEW_CASES = 5
"""Fewer earlier cases say nothing about what is usual."""


class ClaimSignals(Record):
    """Signs that something is wrong with a claim; `severe` where one of them can't be explained."""

    claim_id: str
    signals: int
    severe: bool
    reason: str


class CostCheck(Record):
    """A claim's amount beside its bill and beside what such losses usually cost, in cents."""

    claim_id: str
    peril: Peril
    amount: int
    payable: int
    billed: bool
    usual: int | None
    unusual: bool
    reason: str


class ClaimHistory(Record):
    """What a claim's customer did before; `suspended` where the premium was overdue at the loss."""

    claim_id: str
    earlier_claims: int
    earlier_complaints: int
    concerns: int
    suspended: bool
    reason: str


@tool(owner="claims", data=("claims", "policies", "billing"), needs=("desk",))
async def claim_signals(claim_id: ClaimId, *, desk: Desk, caller: Caller) -> ClaimSignals:
    """Look for signals of fraud in a claim: dates, bill and policy that don't fit each other.

    Raises:
        UnknownRecord: Not in the caller's tenant.
    """

    def work(session: Session) -> ClaimSignals:
        claim = lookup.claim(session, caller, claim_id)
        policy = lookup.policy(session, caller, claim.policy_number)
        bill = _bill(session, caller, claim)
        severe, mild = [], []
        if claim.opened_on < claim.loss_date:
            severe.append(f"reported on {claim.opened_on}, before the loss of {claim.loss_date}")
        if bill and bill.issued_on < claim.loss_date:
            severe.append(
                f"{bill.invoice_number} is of {bill.issued_on}, before the loss of {claim.loss_date}"
            )
        if not bill:
            mild.append("no bill is on record")
        elif bill.amount != claim.amount:
            mild.append(f"{claim.amount} cents are claimed and {bill.amount} billed")
        if claim.loss_date < policy.start + EARLY:
            mild.append(f"the policy began on {policy.start}, the loss was on {claim.loss_date}")
        found = [*severe, *mild]
        reason = "; ".join(found) or "dates, bill and policy fit each other"
        return ClaimSignals(claim_id=claim_id, signals=len(found), severe=bool(severe), reason=reason)

    return await desk.read(work)


@tool(owner="claims", data=("claims", "policies", "billing"), needs=("desk",))
async def compare_cost(claim_id: ClaimId, *, desk: Desk, caller: Caller) -> CostCheck:
    """Compare a claim's amount with its bill, with what the policy pays, and with what is usual.

    Raises:
        UnknownRecord: Not in the caller's tenant.
    """

    def work(session: Session) -> CostCheck:
        claim = lookup.claim(session, caller, claim_id)
        policy = lookup.policy(session, caller, claim.policy_number)
        bill = _bill(session, caller, claim)
        assessed = assessment(policy, claim.peril, claim.loss_date, claim.amount)
        usual = _usual(session, caller, claim)
        billed, unusual = (
            bool(bill and bill.amount >= claim.amount),
            bool(usual and claim.amount > UNUSUAL * usual),
        )
        notes = [f"{assessed.payable} of {claim.amount} cents are payable: {assessed.reason}"]
        notes += [] if billed else ["no bill bears the amount"]
        notes += [f"{claim.peril} usually costs {usual} cents"] if usual else []
        return CostCheck(
            claim_id=claim_id,
            peril=claim.peril,
            amount=claim.amount,
            payable=assessed.payable,
            billed=billed,
            usual=usual,
            unusual=unusual,
            reason="; ".join(notes),
        )

    return await desk.read(work)


@behind(HISTORY)
@tool(owner="claims", data=("claims", "billing", "contact"), needs=("desk",))
async def claim_history(claim_id: ClaimId, *, desk: Desk, caller: Caller) -> ClaimHistory:
    """Look at what a claim's customer did before: earlier claims, complaints and overdue premiums.

    Raises:
        UnknownRecord: Not in the caller's tenant.
    """

    def work(session: Session) -> ClaimHistory:
        claim = lookup.claim(session, caller, claim_id)
        others = select(ClaimRow).where(
            ClaimRow.customer_id == claim.customer_id, ClaimRow.claim_id != claim_id
        )
        earlier = [row for row in session.scalars(others) if row.loss_date <= claim.loss_date]
        year = [row for row in earlier if row.loss_date > claim.loss_date - YEAR]
        complaints = select(NoteRow.note_id).where(
            NoteRow.customer_id == claim.customer_id, NoteRow.kind == "complaint", NoteRow.removed.is_(False)
        )
        due = select(InvoiceRow).where(
            InvoiceRow.customer_id == claim.customer_id,
            InvoiceRow.kind == "premium",
            InvoiceRow.status == "overdue",
        )
        overdue = [row for row in session.scalars(due) if row.due_on < claim.loss_date]
        suspended = any(row.policy_number == claim.policy_number for row in overdue)
        concerns = [f"{row.invoice_number} was overdue since {row.due_on}" for row in overdue]
        if len(year) + 1 >= MANY_CLAIMS:
            concerns.append(f"{len(year)} more claims within a year")
        declined = [row.claim_id for row in year if row.status == "declined"]
        concerns += [f"{', '.join(declined)} declined within a year"] if declined else []
        return ClaimHistory(
            claim_id=claim_id,
            earlier_claims=len(earlier),
            earlier_complaints=len(session.scalars(complaints).all()),
            concerns=len(concerns),
            suspended=suspended,
            reason="; ".join(concerns) or f"{len(earlier)} earlier claims and nothing against the customer",
        )

    return await desk.read(work)


def _bill(session: Session, caller: Caller, claim: ClaimRow) -> InvoiceRow | None:
    return lookup.invoice(session, caller, claim.invoice_number) if claim.invoice_number else None


def _usual(session: Session, caller: Caller, claim: ClaimRow) -> int | None:
    """The median of the tenant's other claims of this peril, in cents; None where they are too few."""
    query = (
        select(ClaimRow.amount)
        .join(CustomerRow, CustomerRow.customer_id == ClaimRow.customer_id)
        .where(
            CustomerRow.tenant == caller.tenant,
            ClaimRow.peril == claim.peril,
            ClaimRow.claim_id != claim.claim_id,
        )
    )
    amounts = session.scalars(query).all()
    return round(statistics.median(amounts)) if len(amounts) >= FEW_CASES else None
