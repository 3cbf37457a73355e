"""Claims history: what customers claimed from other insurers, from the register that insurers share."""

from __future__ import annotations

import datetime as dt
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tools.desk import lookup
from tools.desk.database import Desk
from tools.desk.neighbours import HISTORY
from tools.desk.terms import CustomerId, Peril, Record
from tools.remote.system import behind
from tools.spec import Caller, tool

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

REGISTER = Path(__file__).parent / "systems" / "register.toml"


class PriorClaim(Record):
    """A claim with another insurer; `amount` in cents."""

    customer_id: str
    insurer: str
    peril: Peril
    loss_date: dt.date
    amount: int
    status: Literal["paid", "declined", "open"]
    note: str


@behind(HISTORY)
@tool(owner="claims", data=("claims",), needs=("desk",))
async def list_prior_claims(customer_id: CustomerId, *, desk: Desk, caller: Caller) -> list[PriorClaim]:
    """List the claims that a customer has made with other insurers, with what came of them.

    Raises:
        UnknownRecord: No such customer in the caller's tenant.
    """

    def work(session: Session) -> list[PriorClaim]:
        lookup.customer(session, caller, customer_id)
        entries = tomllib.loads(REGISTER.read_text(encoding="utf-8"))["claim"]
        return [PriorClaim(**entry) for entry in entries if entry["customer_id"] == customer_id]

    return await desk.read(work)
