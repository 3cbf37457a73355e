"""Governed model calls: cleared, budgeted and journaled before a provider is asked."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, message_to_dict, messages_from_dict

from governance.acts import Act, Cost, Seam
from governance.control import control
from governance.errors import TowerError
from governance.principals import Actor
from models.door import Choice, configured, raw_model

ANSWER_TOKENS = 1_000
"""What an answer is reckoned at before it is known."""


class ModelFailed(TowerError):
    """The provider failed as often as it may."""


async def ask(
    role: str,
    messages: Sequence[BaseMessage],
    *,
    actor: Actor,
    sequence: int,
    tools: Sequence[Mapping[str, Any]] = (),
    must_call: bool = False,
    attempts: int = 2,
) -> AIMessage:
    """Ask the model of a role, as an act at the model seam.

    Args:
        role: From `models/roles.toml`.
        messages: The whole prompt; personal values as tokens.
        actor: Who asks, and where in its run.
        sequence: Count of acts at this position, so that a resumed step finds its answer again.
        tools: Tool schemas in OpenAI's form.
        must_call: The answer has to be a tool call.
        attempts: Provider attempts; each is cleared and budgeted.

    Raises:
        ModelFailed: Every attempt failed.
        Denied, BudgetExhausted: The control plane said no.
    """
    choice = configured(role)
    act = _act(choice, role, messages, tools, actor, sequence)
    plane = control()
    for attempt in range(attempts):
        clearance = await plane.clear(act)
        if clearance.done_before:
            return _read(clearance.replay)
        try:
            async with asyncio.timeout(plane.limits.timeouts.model):
                answer = await _call(choice, messages, tools, must_call=must_call)
        except (Exception, asyncio.CancelledError) as error:
            # Shielded: a cancelled step still has to write down that its attempt was made.
            await asyncio.shield(
                plane.fail(clearance, f"{type(error).__name__}: {error}", Cost(model_calls=1))
            )
            if isinstance(error, asyncio.CancelledError):
                raise
            if attempt + 1 == attempts:
                msg = f"{choice.provider} model {choice.model} failed {attempts} times: {error}"
                raise ModelFailed(msg) from error
            continue
        await asyncio.shield(plane.settle(clearance, message_to_dict(answer), _used(choice, answer)))
        return answer
    msg = "attempts must be at least 1"
    raise ValueError(msg)


def _act(
    choice: Choice,
    role: str,
    messages: Sequence[BaseMessage],
    tools: Sequence[Mapping[str, Any]],
    actor: Actor,
    sequence: int,
) -> Act:
    prompt = json.dumps(
        [
            choice.provider,
            choice.model,
            [[m.type, m.content, getattr(m, "tool_calls", None)] for m in messages],
            tools,
        ],
        sort_keys=True,
        default=str,
    )
    tokens = len(prompt) // 4 + ANSWER_TOKENS
    return Act(
        seam=Seam.MODEL,
        actor=actor,
        action="call_model",
        resource=("Model", role),
        args={},
        request_hash=hashlib.sha256(prompt.encode()).hexdigest()[:16],
        sequence=sequence,
        cost=Cost(model_calls=1, tokens=tokens, micros=control().limits.price(choice.model, tokens, 0)),
        facts={"provider": choice.provider, "model": choice.model, "remote": choice.remote},
    )


async def _call(
    choice: Choice, messages: Sequence[BaseMessage], tools: Sequence[Mapping[str, Any]], *, must_call: bool
) -> AIMessage:
    model = raw_model(choice)
    if not tools:
        return _checked(await model.ainvoke(list(messages)))
    choose = "any" if must_call else "auto"
    return _checked(
        await model.bind_tools([dict(t) for t in tools], tool_choice=choose).ainvoke(list(messages))
    )


def _checked(answer: Any) -> AIMessage:
    if not isinstance(answer, AIMessage):
        msg = f"expected an AIMessage, got {type(answer).__name__}"
        raise TypeError(msg)
    return answer


def _used(choice: Choice, answer: AIMessage) -> Cost:
    usage = answer.usage_metadata or {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
    micros = control().limits.price(choice.model, usage["input_tokens"], usage["output_tokens"])
    return Cost(model_calls=1, tokens=usage["total_tokens"], micros=micros)


def _read(stored: Any) -> AIMessage:
    (message,) = messages_from_dict([stored])
    assert isinstance(message, AIMessage)  # noqa: S101 - we wrote it
    return message
