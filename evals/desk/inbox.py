"""Inbox: what a run left in the desk's database, read back by its idempotency keys."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from evals.expectations import World
from tools.desk.database import Desk
from tools.desk.records import AppliedRow, ClaimRow, LetterRow, NoteRow, PaymentRow, Row

KINDS: dict[str, tuple[type[Row], str, tuple[str, ...]]] = {
    "claims": (
        ClaimRow,
        "claim_id",
        ("customer_id", "policy_number", "peril", "amount", "payable", "status"),
    ),
    "payments": (PaymentRow, "payment_id", ("customer_id", "amount", "status")),
    "notes": (NoteRow, "note_id", ("customer_id", "kind", "removed")),
    "letters": (LetterRow, "letter_id", ("customer_id", "template", "status")),
}
"""Kind → table, its key, and the columns that an expectation may name."""

CHANGES = {"AddressChange": "address", "AccountChange": "account"}
"""Effects that change a customer's record instead of making one."""


async def world_of(run_id: str) -> World:
    """The records that a run's effects made, as they stand now: claims, payments, notes, letters, changes."""
    return await Desk.current().read(lambda session: _read(session, run_id))


def _read(session: Session, run_id: str) -> dict[str, list[dict[str, Any]]]:
    effects = session.scalars(
        select(AppliedRow).where(AppliedRow.key.startswith(f"{run_id}/", autoescape=True))
    ).all()
    results = [effect.result for effect in effects]
    world = {}
    for kind, (table, key, columns) in KINDS.items():
        ids = sorted({result[key] for result in results if isinstance(result, dict) and result.get(key)})
        rows = [session.get(table, identity) for identity in ids]
        found = [{name: getattr(row, name) for name in columns} for row in rows if row is not None]
        if found:
            world[kind] = found
    changes = [
        {"kind": CHANGES[effect.effect], "customer_id": effect.result["customer_id"]}
        for effect in effects
        if effect.effect in CHANGES
    ]
    return world | ({"changes": changes} if changes else {})
