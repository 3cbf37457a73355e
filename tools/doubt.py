"""Doubt: what becomes of an effect that was begun and whose end nobody saw."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from governance.acts import Json
from governance.control import control
from governance.effects import Recorded
from governance.errors import EffectUnknown, InvalidInput
from governance.principals import Run, User
from tools.binding import arguments, injected, made, masked
from tools.spec import Tool


async def reconcile(tool: Tool, run: Run, args: Mapping[str, Json], doubt: EffectUnknown) -> bool | None:
    """Ask the tool's own records whether an act happened, and write the answer into the journal.

    Returns:
        Whether it happened; None where nobody can tell, so that a person must.
    """
    query, plane = tool.settled_by, control()
    if query is None:
        return None
    try:
        given = await arguments(query, run, args)
        async with asyncio.timeout(plane.limits.timeouts.tool):
            found = await query.run(**given, **injected(query, run, doubt.key))
        result = None if found is None else tool.result.validate_python(found)
    except Exception:  # noqa: BLE001 - whatever it is, it is no answer; the effect stays in doubt
        return None
    stored = None if found is None else await masked(tool, run.user.tenant, result, run.contract.personal)
    settled = await plane.resolve(
        doubt.key,
        attempt=doubt.attempt,
        result=stored,
        by=query.name,
        trusts=None if stored is None else made(tool, stored),
    )
    return found is not None if settled else None


async def settle_by_hand(tool: Tool, key: str, user: User, *, result: str | None, reason: str) -> Recorded:
    """Take a person's word for what became of an effect.

    Args:
        result: JSON of what the tool would have returned; None: it did not happen.

    Raises:
        InvalidInput: The result isn't one that this tool returns.
        Denied: They may not say so.
    """
    if result is None:
        return await control().settle_effect(user, key, result=None, reason=reason)
    try:
        value: Any = tool.result.validate_json(result)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        msg = f"{tool.name} doesn't return that: {problems}. Look the effect up, and give what it shows"
        raise InvalidInput(msg) from error
    stored = await masked(tool, user.tenant, value)
    return await control().settle_effect(user, key, result=stored, reason=reason, trusts=made(tool, stored))
