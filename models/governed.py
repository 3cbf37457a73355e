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
from governance.errors import BreakerOpen, ModelUnavailable, TowerError
from governance.principals import Actor
from models.door import Choice, choices, raw_model

ANSWER_TOKENS = 1_000
"""What an answer is reckoned at before it is known."""


class ModelFailed(TowerError):
    """The provider answered as often as it may be asked, and none of it was an answer."""


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

    Where the run's budget runs low, the cheaper role answers that the limits declare; where a model
    fails, those that stand in for it. Whichever answered, a resumed step finds its answer again.

    Args:
        role: From `models/roles.toml`.
        messages: The whole prompt; personal values as tokens.
        actor: Who asks, and where in its run.
        sequence: Count of acts at this position, so that a resumed step finds its answer again.
        tools: Tool schemas in OpenAI's form.
        must_call: The answer has to be a tool call.
        attempts: Of each model; every one is cleared and budgeted.

    Raises:
        ModelFailed: It answered, and never with a whole answer.
        ModelUnavailable: It is away, turns us away or has failed too often of late: that is no question
            to whoever decides cases. The run stops, on record, and goes on from here when it is resumed.
        Denied, BudgetExhausted, RateLimited: The control plane said no.
    """
    failure: TowerError = ModelFailed("attempts must be at least 1")
    for choice in choices(control().role(actor.run.id, role)):
        act = _act(choice, role, messages, tools, actor, sequence)
        try:
            return await _answer(choice, act, messages, tools, must_call=must_call, attempts=attempts)
        except (ModelFailed, ModelUnavailable) as error:
            failure = failure if isinstance(failure, ModelUnavailable) else error
    if isinstance(failure, ModelUnavailable):
        body = {"agent": actor.agent.name, "role": role, "reason": str(failure)}
        await control().note(actor.run, "model_unavailable", body)
    raise failure


async def _answer(
    choice: Choice,
    act: Act,
    messages: Sequence[BaseMessage],
    tools: Sequence[Mapping[str, Any]],
    *,
    must_call: bool,
    attempts: int,
) -> AIMessage:
    """One model's answer, from the journal where it was given before."""
    plane = control()
    said, silent = "", False
    settings = " (of OPENAI_BASE_URL, with OPENAI_API_KEY)" if choice.provider == "openai" else ""
    for _ in range(attempts):
        if silent:
            await asyncio.sleep(plane.limits.timeouts.pause)
        try:
            clearance = await plane.clear(act)
        except BreakerOpen as error:
            kind = ModelUnavailable if error.name.startswith("model:") else ModelFailed
            raise kind(str(error)) from error
        if clearance.done_before:
            return _read(clearance.replay)
        try:
            async with asyncio.timeout(plane.limits.timeouts.model):
                answer = await _call(choice, messages, tools, must_call=must_call)
        except (Exception, asyncio.CancelledError) as error:
            said, silent = f"{type(error).__name__}: {error}", isinstance(error, OSError)
            away, cancelled = (isinstance(error, e) for e in (ModelUnavailable, asyncio.CancelledError))
            used = Cost(model_calls=0 if away else 1)
            # Shielded: a cancelled step still has to write down that its attempt was made.
            failed = plane.fail(clearance, said, used, retry=True if away or cancelled else None)
            await asyncio.shield(failed)
            if cancelled:
                raise
            if away:
                msg = f"{choice.provider} model {choice.model}{settings} is a matter for an operator: {error}"
                raise ModelUnavailable(msg) from error
            continue
        if ended := _cut_off(answer):
            said, silent = f"the answer was cut off: {ended}", False
            await asyncio.shield(plane.fail(clearance, said, _used(choice, answer)))
            continue
        await asyncio.shield(plane.settle(clearance, message_to_dict(answer), _used(choice, answer)))
        return answer
    msg = f"{choice.provider} model {choice.model}{settings} failed {attempts} times: {said}"
    raise (ModelUnavailable if silent else ModelFailed)(msg)


def _act(
    choice: Choice,
    role: str,
    messages: Sequence[BaseMessage],
    tools: Sequence[Mapping[str, Any]],
    actor: Actor,
    sequence: int,
) -> Act:
    # Not the model: an answer that was paid for counts, whichever model a second try would ask.
    said = [[m.type, m.content, getattr(m, "tool_calls", None)] for m in messages]
    prompt = json.dumps([role, said, tools], sort_keys=True, default=str)
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


def _cut_off(answer: AIMessage) -> str:
    """Why an answer ended before it was complete, where the provider says that it did."""
    ended = str(answer.response_metadata.get("finish_reason"))
    return ended if ended in {"length", "content_filter"} else ""


def _used(choice: Choice, answer: AIMessage) -> Cost:
    usage = answer.usage_metadata or {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
    micros = control().limits.price(choice.model, usage["input_tokens"], usage["output_tokens"])
    return Cost(model_calls=1, tokens=usage["total_tokens"], micros=micros)


def _read(stored: Any) -> AIMessage:
    (message,) = messages_from_dict([stored])
    assert isinstance(message, AIMessage)  # noqa: S101 - we wrote it
    return message
