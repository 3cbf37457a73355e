"""Applied: whether an effect was made, by the key that it was made under."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tools.desk.database import Desk
from tools.desk.records import AppliedRow
from tools.spec import Caller, EffectKey, tool

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


@tool(owner="operations", needs=("desk",))
async def applied(*, desk: Desk, key: EffectKey, caller: Caller) -> dict[str, Any] | None:
    """Look up what was done under a key; None where nothing was."""

    def work(session: Session) -> dict[str, Any] | None:
        row = session.get(AppliedRow, key)
        return row.result if row and row.tenant == caller.tenant else None

    return await desk.read(work)
