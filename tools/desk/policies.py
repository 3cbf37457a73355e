"""Policies: what a customer is insured for, and whether and how much a loss is paid."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from tools.desk import lookup
from tools.desk.database import Desk
from tools.desk.records import PolicyRow
from tools.desk.terms import (
    Amount,
    CustomerId,
    LossDate,
    Peril,
    PerilArg,
    PolicyNumber,
    PolicyStatus,
    Product,
    Record,
    Settlement,
)
from tools.spec import Caller, tool

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


class Cover(Record):
    """A peril that is covered, up to `limit` cents per loss."""

    peril: Peril
    limit: int


class PolicySummary(Record):
    """A policy without its covers."""

    policy_number: str
    customer_id: str
    product: Product
    status: PolicyStatus
    start: dt.date
    end: dt.date


class Policy(PolicySummary):
    """A policy with its covers; money in cents, the premium per half-year."""

    deductible: int
    premium: int
    covers: list[Cover]


class Coverage(Record):
    """Whether a policy covers a loss; `limit` and `deductible` in cents, 0 where nothing is covered."""

    covered: bool
    reason: str
    policy_number: str
    customer_id: str
    product: Product
    status: PolicyStatus
    peril: Peril
    loss_date: dt.date
    limit: int
    deductible: int


class Assessment(Record):
    """What a policy pays for a loss, in cents, and what follows from that."""

    policy_number: str
    peril: Peril
    loss_date: dt.date
    amount: int
    payable: int
    decision: Settlement
    deductible: int
    limit: int
    reason: str


@tool(owner="service", data=("policies",), needs=("desk",))
async def list_policies(customer_id: CustomerId, *, desk: Desk, caller: Caller) -> list[PolicySummary]:
    """List all policies of a customer with product, status and dates, e.g. which insurances do I have.

    Raises:
        UnknownRecord: No such customer in the caller's tenant.
    """

    def work(session: Session) -> list[PolicySummary]:
        lookup.customer(session, caller, customer_id)
        query = select(PolicyRow).where(PolicyRow.customer_id == customer_id)
        rows = session.scalars(query.order_by(PolicyRow.policy_number))
        return [PolicySummary.model_validate(row) for row in rows]

    return await desk.read(work)


@tool(owner="service", data=("policies",), needs=("desk",))
async def get_policy(policy_number: PolicyNumber, *, desk: Desk, caller: Caller) -> Policy:
    """Look up one policy with its covers; `limit`, `deductible`, `premium` in EUR cents, e.g. am I covered.

    Raises:
        UnknownRecord: Not in the caller's tenant.
    """
    return await desk.read(lambda s: Policy.model_validate(lookup.policy(s, caller, policy_number)))


@tool(owner="claims", data=("policies", "claims"), needs=("desk",))
async def check_coverage(
    policy_number: PolicyNumber, peril: PerilArg, loss_date: LossDate, *, desk: Desk, caller: Caller
) -> Coverage:
    """Check whether a policy covers a loss of this kind on this date.

    Raises:
        UnknownRecord: Not in the caller's tenant.
    """
    return await desk.read(lambda s: coverage(lookup.policy(s, caller, policy_number), peril, loss_date))


@tool(owner="claims", data=("policies", "claims"), needs=("desk",))
async def assess_amount(  # the last two come from the gateway
    policy_number: PolicyNumber,
    peril: PerilArg,
    loss_date: LossDate,
    amount: Amount,
    *,
    desk: Desk,
    caller: Caller,
) -> Assessment:
    """Assess how much a policy pays for a loss of this amount on this date, after deductible and limit.

    Raises:
        UnknownRecord: Not in the caller's tenant.
    """
    return await desk.read(
        lambda s: assessment(lookup.policy(s, caller, policy_number), peril, loss_date, amount)
    )


@dataclass(frozen=True, slots=True)
class _Terms:
    limit: int
    problem: str


def coverage(policy: PolicyRow, peril: Peril, loss_date: dt.date) -> Coverage:
    """Decide from the record whether a loss is covered, with the first reason against it."""
    terms = _terms(policy, peril, loss_date)
    return Coverage(
        covered=not terms.problem,
        reason=terms.problem or f"{peril} is covered by {policy.policy_number} on {loss_date}",
        policy_number=policy.policy_number,
        customer_id=policy.customer_id,
        product=policy.product,
        status=policy.status,
        peril=peril,
        loss_date=loss_date,
        limit=0 if terms.problem else terms.limit,
        deductible=0 if terms.problem else policy.deductible,
    )


def assessment(policy: PolicyRow, peril: Peril, loss_date: dt.date, amount: int) -> Assessment:
    """Compute what is paid: nothing without cover, else the amount less the deductible, at most the limit."""
    terms = _terms(policy, peril, loss_date)
    payable = 0 if terms.problem else max(0, min(amount - policy.deductible, terms.limit))
    return Assessment(
        policy_number=policy.policy_number,
        peril=peril,
        loss_date=loss_date,
        amount=amount,
        payable=payable,
        decision="approve" if payable else "decline",
        deductible=policy.deductible,
        limit=terms.limit,
        reason=terms.problem or amount_reason(payable, terms.limit),
    )


def amount_reason(payable: int, limit: int) -> str:
    """Why just that is payable for a loss that is covered."""
    if not payable:
        return "the amount is within the deductible"
    return "the amount less the deductible" + (" reaches the limit" if payable == limit else "")


def _terms(policy: PolicyRow, peril: Peril, loss_date: dt.date) -> _Terms:
    number = policy.policy_number
    limit = next((cover.limit for cover in policy.covers if cover.peril == peril), 0)
    if not limit:
        return _Terms(0, f"{number} has no cover for {peril}")
    if loss_date < policy.start:
        return _Terms(limit, f"the loss on {loss_date} is before {number} began on {policy.start}")
    if loss_date > policy.end:
        return _Terms(limit, f"the loss on {loss_date} is after {number} ended on {policy.end}")
    return _Terms(limit, "")
