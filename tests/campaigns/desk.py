"""Desk: the ticket office as one process finds it, with the tool that can go wrong in three ways."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

from governance.acts import Clearance
from governance.control import ControlPlane, use_control
from governance.policy import PolicyEngine
from models.door import use_model
from tests.campaigns.provider import ACT, Provider
from tests.campaigns.seams import Deadly
from tests.matrix.crews import CREWS, Crew, look, pay
from tests.matrix.world import open_plane
from tests.second import office
from tests.second.office import Ledger
from tools.spec import EffectKey, tool

Doubt = Literal["idempotent", "looked up", "asked"]
"""What helps where nobody saw a refund's end: to do it again, the ledger, or a person."""
DOUBTS: tuple[Doubt, ...] = ("idempotent", "looked up", "asked")

EVERY = {crew.name: crew for crew in CREWS}
ACTING = {name: crew for name, crew in EVERY.items() if name != "direct"}
"""The patterns that have effects."""


@dataclass(frozen=True)
class Place:
    """Where runs live: a home, and the URLs of what they are kept in.

    Attributes:
        database: URL of a PostgreSQL database; None is SQLite files in `home`.
    """

    home: Path
    database: str | None = None

    def enter(self) -> None:
        """Make it this process's."""
        os.environ["TOWER_HOME"] = str(self.home)
        os.environ.pop("TOWER_DATABASE_URL", None)
        if self.database:
            os.environ["TOWER_DATABASE_URL"] = self.database

    @property
    def bill(self) -> Path:
        """What the provider has written down."""
        return self.home / "bill.jsonl"


@dataclass(frozen=True)
class Case:
    """One run that is to be broken.

    Attributes:
        order: Number and cents; above 500.00 a lead must say yes.
    """

    place: Place
    crew: Crew
    thread: str
    order: tuple[str, int]
    doubt: Doubt
    durability: Literal["sync", "async"]


def open_desk(case: Case, policy: PolicyEngine, deadly: Deadly, leg: int) -> ControlPlane:
    """Open everything that a run needs, in a process that has just begun."""
    case.place.enter()
    plane = open_plane(policy)
    use_control(plane)
    deadly.install(plane, _remember)
    _arm(case.doubt, deadly)
    provider = Provider(case.place.bill, leg, deadly)
    acts = (look(case.order[0]), pay(*case.order)) if case.crew.name in ACTING else ()
    use_model(provider.model(case.crew.scripts(*acts)))
    return plane


def _remember(clearance: Clearance) -> None:
    ACT.set(clearance.key)


def _arm(doubt: Doubt, passes: Callable[[str], None]) -> None:
    """Let the refund say when it begins and ends; one that may not be repeated does each one anew."""
    refund, whole = office.refund, office.refund.run

    @functools.wraps(whole)
    async def run(*args: Any, key: EffectKey, **more: Any) -> Any:
        passes("before effect")
        done = await whole(
            *args, key=EffectKey(key if doubt == "idempotent" else f"{key}#{uuid4().hex[:6]}"), **more
        )
        passes("after effect")
        return done

    # Frozen, and shared by all crews: in this process it is another tool from now on.
    vars(refund).update(
        run=run, idempotent=doubt == "idempotent", settled_by=FOUND if doubt == "looked up" else None
    )


@tool(owner="office")
async def found(*, ledger: Ledger, key: EffectKey) -> dict[str, str] | None:
    """Look for a refund in the ledger."""
    rows = await ledger.run(
        lambda db: db.execute("SELECT order_id FROM refunds WHERE key LIKE ?", (f"{key}%",)).fetchall()
    )
    return {"order_id": rows[0][0]} if rows else None


FOUND = found
