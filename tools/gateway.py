"""The gateway: the only way to call a tool, cleared before and recorded after."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Coroutine, Mapping
from typing import Any

from pydantic import ValidationError

from governance.acts import Act, Clearance, Cost, Json, Seam
from governance.confidence import FACT
from governance.control import control
from governance.errors import BreakerOpen, EffectUnknown, TowerError
from governance.principals import Actor, Run
from tools.binding import arguments, injected, made, masked
from tools.doubt import reconcile
from tools.spec import Tool


class InvalidArguments(TowerError):
    """The arguments don't fit the tool's schema; the agent is told what is wrong."""


class ToolFailed(TowerError):
    """The tool refused, or what only reads raised or took too long."""


class _Lost(Exception):
    """An attempt ended without an answer."""


ALREADY = "already"
ATTEMPTS = 2
"""Of what may be repeated; each is cleared and budgeted."""


async def act_for(
    tool: Tool, args: Mapping[str, Json], actor: Actor, sequence: int, sure: int | None = None
) -> Act:
    """What calling `tool` means to the control plane; arguments are checked against its schema.

    Args:
        sure: Percent; how sure the results are that the arguments come from, where they say so.

    Raises:
        InvalidArguments: They don't fit.
        ToolFailed: The records can't say what counts with it.
    """
    try:
        checked = tool.args.model_validate(dict(args)).model_dump(mode="json")
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        msg = f"{tool.name} can't be called like this: {problems}"
        raise InvalidArguments(msg) from error
    canonical = json.dumps(checked, sort_keys=True)
    facts: dict[str, Json] = {} if sure is None else {FACT: sure}
    if tool.already:
        facts[ALREADY] = await _already(tool, tool.already, actor.run, checked)
    return Act(
        seam=Seam.TOOL,
        actor=actor,
        action=tool.name,
        resource=("Tool", tool.name),
        args={name: value for name, value in checked.items() if value is not None},
        request_hash=hashlib.sha256(canonical.encode()).hexdigest()[:16],
        sequence=sequence,
        cost=Cost(tool_calls=1),
        repeatable=tool.idempotent or not tool.writes,
        facts=facts,
    )


async def _already(tool: Tool, query: Tool, run: Run, args: Mapping[str, Json]) -> int:
    try:
        given = await arguments(query, run, args)
        async with asyncio.timeout(control().limits.timeouts.tool):
            return int(await query.run(**given, **injected(query, run, "")))
    except Exception as error:  # whatever a tool raises, without the number nothing is put to policy
        msg = f"{tool.name} wasn't tried: {query.name} failed with {type(error).__name__}"
        raise ToolFailed(msg) from error


async def call(
    tool: Tool, args: Mapping[str, Json], *, actor: Actor, sequence: int, sure: int | None = None
) -> Json:
    """Call a tool for an agent.

    What may be repeated is tried again under the same key where an attempt was lost. An effect that
    nobody saw the end of is looked up by the tool's own query; where that can't tell, a person must.

    Args:
        args: Personal values as tokens; they are revealed only inside the execution.
        sure: See `act_for`.

    Returns:
        The result as JSON, personal values as tokens.

    Raises:
        InvalidArguments, ToolFailed: The agent can be told; nothing was done.
        Denied, ApprovalRequired, ApprovalRejected, BudgetExhausted, RateLimited: From the control plane.
        EffectUnknown: It may have been done.
    """
    act = await act_for(tool, args, actor, sequence, sure)
    lost = ""
    left = ATTEMPTS if act.repeatable else 1
    while True:
        try:
            clearance = await control().clear(act)
        except BreakerOpen as error:
            msg = f"{tool.name} can't be used now: {error}"
            raise ToolFailed(msg) from error
        except EffectUnknown as doubt:
            happened = await reconcile(tool, actor.run, act.args, doubt)
            if happened is None:
                raise
            if lost and not happened:
                raise ToolFailed(lost) from doubt
            continue
        if clearance.done_before:
            return clearance.replay
        left -= 1
        try:
            return await _shielded(_execute(tool, clearance, last=left <= 0))
        except _Lost as error:
            lost = str(error)


async def _shielded(work: Coroutine[Any, Any, Json]) -> Json:
    # A cancelled branch never cancels a started effect, nor the writing of its result: it waits for both.
    started = asyncio.create_task(work)
    try:
        return await asyncio.shield(started)
    except asyncio.CancelledError:
        await asyncio.wait({started})
        raise


async def _execute(tool: Tool, clearance: Clearance, *, last: bool) -> Json:
    plane, act = control(), clearance.act
    run, used = act.actor.run, Cost(tool_calls=1)
    try:
        given = await arguments(tool, run, act.args)
        async with asyncio.timeout(plane.limits.timeouts.tool):
            returned = await tool.run(**given, **injected(tool, run, act.key))
        result = await masked(tool, run.user.tenant, returned, run.contract.personal)
    except Exception as error:  # whatever a tool raises, its intent must not stay open
        text = await plane.vault.tokenise(run.user.tenant, str(error) or type(error).__name__, {})
        noted, msg = f"{type(error).__name__}: {text}", f"{tool.name} failed: {text}"
        # A typed refusal is certain to have done nothing; a timeout or a crash may have acted.
        if isinstance(error, TowerError):
            await plane.fail(clearance, noted, used, retry=True)
            raise ToolFailed(msg) from error
        await plane.fail(clearance, noted, used, retry=False if last and tool.writes else None)
        if last and not tool.writes:
            raise ToolFailed(msg) from error
        raise _Lost(msg) from error
    await plane.settle(clearance, result, used, trusts=made(tool, result))
    return result
