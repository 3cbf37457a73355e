"""The gateway: the only way to call a tool, cleared before and recorded after."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from governance.acts import Act, Clearance, Cost, Json, Seam
from governance.control import control
from governance.errors import TowerError
from governance.principals import Actor
from tools.spec import Caller, EffectKey, Tool, personal_kind


class InvalidArguments(TowerError):
    """The arguments don't fit the tool's schema; the agent is told what is wrong."""


class ToolFailed(TowerError):
    """The tool raised, or took too long."""


def act_for(tool: Tool, args: Mapping[str, Json], actor: Actor, sequence: int) -> Act:
    """What calling `tool` means to the control plane; arguments are checked against its schema.

    Raises:
        InvalidArguments: They don't fit.
    """
    try:
        checked = tool.args.model_validate(dict(args)).model_dump(mode="json")
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        msg = f"{tool.name} can't be called like this: {problems}"
        raise InvalidArguments(msg) from error
    canonical = json.dumps(checked, sort_keys=True)
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
    )


async def call(tool: Tool, args: Mapping[str, Json], *, actor: Actor, sequence: int) -> Json:
    """Call a tool for an agent.

    Args:
        args: Personal values as tokens; they are revealed only inside the execution.

    Returns:
        The result as JSON, personal values as tokens.

    Raises:
        InvalidArguments, ToolFailed: The agent can be told.
        Denied, ApprovalRequired, ApprovalRejected, BudgetExhausted, EffectUnknown: From the control plane.
    """
    act = act_for(tool, args, actor, sequence)
    clearance = await control().clear(act)
    if clearance.done_before:
        return clearance.replay
    # A cancelled branch never cancels a started effect, nor the writing of its result: it waits for both.
    started = asyncio.create_task(_execute(tool, clearance))
    try:
        return await asyncio.shield(started)
    except asyncio.CancelledError:
        await asyncio.wait({started})
        raise


async def _execute(tool: Tool, clearance: Clearance) -> Json:
    plane, act = control(), clearance.act
    tenant = act.actor.run.user.tenant
    used = Cost(tool_calls=1)
    try:
        real = {name: await plane.vault.reveal_json(tenant, value) for name, value in act.args.items()}
        # Back through the schema: the tool gets dates and enums, not their JSON.
        arguments = {name: getattr(tool.args.model_validate(real), name) for name in real}
        async with asyncio.timeout(plane.limits.timeouts.tool):
            result = await tool.run(**arguments, **_injected(tool, clearance))
    except Exception as error:  # whatever a tool raises, its intent must not stay open
        text = await plane.vault.tokenise(tenant, str(error) or type(error).__name__, {})
        # A typed refusal is certain to have done nothing; a timeout or a crash may have acted.
        refused = isinstance(error, TowerError)
        await plane.fail(clearance, f"{type(error).__name__}: {text}", used, retry=refused or None)
        msg = f"{tool.name} failed: {text}"
        raise ToolFailed(msg) from error
    raw = tool.result.dump_python(result, mode="json")
    masked = await plane.vault.tokenise_json(tenant, raw, dict(_personal(result)))
    await plane.settle(clearance, masked, used, trusts=_made(tool, masked))
    return masked


def _made(tool: Tool, result: Json) -> dict[str, list[str]]:
    """What the tool made that the rest of the run may use, from the result and never from arguments."""
    if tool.yields is None:
        return {}
    name, source = tool.yields
    return {name: [str(result[source])]}


def _injected(tool: Tool, clearance: Clearance) -> dict[str, Any]:
    run = clearance.act.actor.run
    given: dict[str, Any] = {}
    for name, kind in tool.injected.items():
        if name == "key":
            given[name] = EffectKey(clearance.key)
        elif name == "caller":
            given[name] = Caller(run.user.tenant, run.user.id, run.id, run.subject)
        else:
            given[name] = kind.current()
    return given


def _personal(value: Any) -> Iterator[tuple[str, str]]:
    """Every personal value in a result, with its token kind."""
    if isinstance(value, BaseModel):
        for name, field in type(value).model_fields.items():
            inner = getattr(value, name)
            kind = next((mark.kind for mark in field.metadata if hasattr(mark, "kind")), None)
            kind = kind or personal_kind(field.annotation)
            if kind and inner:
                yield str(inner), kind
            else:
                yield from _personal(inner)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _personal(item)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _personal(item)
