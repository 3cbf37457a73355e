"""Customers: who they are, where they live, where their money goes."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated

from tools.desk import lookup
from tools.desk.applied import applied
from tools.desk.database import Desk
from tools.desk.errors import InvalidIban, NothingToChange
from tools.desk.iban import compact, is_valid
from tools.desk.terms import City, CustomerId, NewIban, Record, Street
from tools.spec import Caller, EffectKey, Personal, Risk, tool

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


class Customer(Record):
    """A customer."""

    customer_id: str
    name: Annotated[str, Personal("person")]
    email: Annotated[str | None, Personal("email")]
    phone: Annotated[str | None, Personal("phone")]
    birthdate: Annotated[dt.date, Personal("birthdate")]
    street: Annotated[str, Personal("address")]
    city: Annotated[str, Personal("address")]
    country: str
    iban: Annotated[str | None, Personal("iban")]
    since: dt.date


class AddressChange(Record):
    """A customer's new address, and the one before."""

    customer_id: str
    street: Annotated[str, Personal("address")]
    city: Annotated[str, Personal("address")]
    previous_street: Annotated[str, Personal("address")]
    previous_city: Annotated[str, Personal("address")]


class AccountChange(Record):
    """A customer's new account, and the one before."""

    customer_id: str
    iban: Annotated[str, Personal("iban")]
    previous_iban: Annotated[str | None, Personal("iban")]


@tool(owner="service", data=("contact", "bank"), needs=("desk",))
async def find_customer(customer_id: CustomerId, *, desk: Desk, caller: Caller) -> Customer:
    """Look up the name, postal address, e-mail, phone and bank account on record for a customer.

    Raises:
        UnknownRecord: Not in the caller's tenant.
    """
    return await desk.read(lambda s: Customer.model_validate(lookup.customer(s, caller, customer_id)))


@tool(
    owner="service",
    risk=Risk.MEDIUM,
    writes=True,
    undo="change_address",
    data=("contact",),
    needs=("desk",),
    settled_by=applied,
    told=("street", "city"),
)
async def change_address(
    customer_id: CustomerId,
    street: Street,
    city: City,
    *,
    desk: Desk,
    key: EffectKey,
    caller: Caller,
) -> AddressChange:
    """Change a customer's postal address after they have moved, e.g. we live somewhere else now.

    Raises:
        NothingToChange: It is the address on record.
        UnknownRecord: Not in the caller's tenant.
    """

    def work(session: Session) -> AddressChange:
        row = lookup.customer(session, caller, customer_id, lock=True)
        before = (row.street, row.city)
        if [part.casefold().split() for part in before] == [
            part.casefold().split() for part in (street, city)
        ]:
            msg = "this is the address on record, so nothing was changed; give the new one, or ask for it"
            raise NothingToChange(msg)
        row.street, row.city = street, city
        return AddressChange(
            customer_id=customer_id,
            street=street,
            city=city,
            previous_street=before[0],
            previous_city=before[1],
        )

    return await desk.once(key, caller, AddressChange, work)


@tool(
    owner="service",
    risk=Risk.HIGH,
    writes=True,
    undo="change_account",
    data=("bank",),
    needs=("desk",),
    settled_by=applied,
    told=("iban",),
)
async def change_account(
    customer_id: CustomerId, iban: NewIban, *, desk: Desk, key: EffectKey, caller: Caller
) -> AccountChange:
    """Change the bank account to which a customer's money goes.

    Raises:
        InvalidIban: The check digits don't fit.
        UnknownRecord: Not in the caller's tenant.
    """
    account = compact(iban)
    if not is_valid(account):
        msg = "the IBAN's check digits don't fit; ask the customer for the account number again"
        raise InvalidIban(msg)

    def work(session: Session) -> AccountChange:
        row = lookup.customer(session, caller, customer_id, lock=True)
        before, row.iban = row.iban, account
        return AccountChange(customer_id=customer_id, iban=account, previous_iban=before)

    return await desk.once(key, caller, AccountChange, work)
