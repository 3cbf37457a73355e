"""Switches: each turns one control off, so that its cells can show that they notice."""

from __future__ import annotations

import asyncio
import types
from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from langgraph.graph import StateGraph
from langgraph.runtime import RunControl

from governance import approvals, budget, situation
from governance.acts import Decision, Effect
from governance.audit import AuditLog
from governance.policy import PolicyEngine
from governance.vault import Vault
from graphs import group_chat, handoff
from models import governed
from models.scripted import ScriptedChatModel
from nodes import agent, deliver, turn
from tests.matrix.supervisors import PROMPT
from tools import gateway

Switch = Callable[[pytest.MonkeyPatch], None]


def policy(patch: pytest.MonkeyPatch) -> None:
    """Whatever is asked is allowed."""

    def decide(self: PolicyEngine, *_: Any, **__: Any) -> Decision:
        return Decision(Effect.ALLOW, ("switched-off",), self.version)

    patch.setattr(PolicyEngine, "decide", decide)


def approval(patch: pytest.MonkeyPatch) -> None:
    """Policy judges as if a person had said yes."""
    decide = PolicyEngine.decide
    patch.setattr(
        PolicyEngine, "decide", lambda self, act, **more: decide(self, act, **{**more, "approved": True})
    )


def no_budget(patch: pytest.MonkeyPatch) -> None:
    """Nothing is reserved."""
    patch.setattr(budget, "reserve", lambda *_: {})


def loop(patch: pytest.MonkeyPatch) -> None:
    """Nobody counts repeats."""
    patch.setattr(turn, "REPEATS", 10**9)


def invalid(patch: pytest.MonkeyPatch) -> None:
    """A result that isn't valid will do as well."""
    parse = agent._parse

    def anything(schema: Any, args: dict[str, Any]) -> tuple[Any, str]:
        return parse(schema, args)[0] or schema.model_construct(**args), ""

    patch.setattr(agent, "_parse", anything)
    patch.setattr(agent, "_beyond", lambda _: False)


def tool_failure(patch: pytest.MonkeyPatch) -> None:
    """A tool that failed reads as one that worked."""
    execute = gateway._execute

    async def quiet(tool: Any, clearance: Any, **more: Any) -> Any:
        try:
            return await execute(tool, clearance, **more)
        except Exception:  # noqa: BLE001 - that is the fault
            return {"order_id": "T-001"}

    patch.setattr(gateway, "_execute", quiet)


@asynccontextmanager
async def _forever(_: float) -> Any:
    yield


def tool_timeout(patch: pytest.MonkeyPatch) -> None:
    """Tools may take for ever."""
    _other_asyncio(patch, gateway, timeout=_forever)


def model_timeout(patch: pytest.MonkeyPatch) -> None:
    """Models may take for ever."""
    _other_asyncio(patch, governed, timeout=_forever)


def _other_asyncio(patch: pytest.MonkeyPatch, module: Any, **names: Any) -> None:
    """Let one module have other names in its asyncio; the test itself goes on with the real ones."""
    patch.setattr(module, "asyncio", types.SimpleNamespace(**{**vars(asyncio), **names}))


def crash(patch: pytest.MonkeyPatch) -> None:
    """The journal has forgotten whatever was done."""

    read = situation.read

    def forget(tx: Any, act: Any) -> situation.Situation:
        tx.execute("DELETE FROM journal WHERE key = ?", (act.key,))
        budget.settle(tx, act.key)
        return read(tx, act)

    patch.setattr(situation, "read", forget)


def dissent(patch: pytest.MonkeyPatch) -> None:
    """Only the majority is reported."""
    outcome = deliver._outcome
    patch.setattr(deliver, "_outcome", lambda *args: {**outcome(*args), "dissent": []})


def audit(patch: pytest.MonkeyPatch) -> None:
    """What is cleared isn't written down."""
    append = AuditLog.append

    def quiet(self: AuditLog, tx: Any, entry: Any) -> Any:
        return None if entry.kind == "cleared" else append(self, tx, entry)

    patch.setattr(AuditLog, "append", quiet)


def personal_data(patch: pytest.MonkeyPatch) -> None:
    """Nothing is masked."""

    async def as_it_is(_: Vault, __: str, value: Any, *___: Any, **____: Any) -> Any:
        return value

    patch.setattr(Vault, "tokenise", as_it_is)
    patch.setattr(Vault, "tokenise_json", as_it_is)


def cancellation(patch: pytest.MonkeyPatch) -> None:
    """Whoever is cancelled takes what it began along, and no word of it is written."""

    class Unheard(BaseException):
        pass

    async def bare(work: Any) -> Any:
        return await work

    patch.setattr(gateway, "_shielded", bare)
    _other_asyncio(patch, governed, CancelledError=Unheard)


def drain(patch: pytest.MonkeyPatch) -> None:
    """Nobody hears that the process is to end."""
    patch.setattr(RunControl, "request_drain", lambda *_: None)


def overbearing(patch: pytest.MonkeyPatch) -> None:
    """Nobody counts how often people are asked."""
    create = approvals.create

    def unbounded(tx: Any, act: Any, *, rules: Any, **more: Any) -> Any:
        return create(tx, act, rules=replace(rules, per_run=10**9), **more)

    patch.setattr(approvals, "create", unbounded)


def lonely(patch: pytest.MonkeyPatch) -> None:
    """Patterns are built without a node in which a person decides, and nothing objects."""
    add_node = StateGraph.add_node

    def unattended(self: Any, name: Any, *args: Any, **more: Any) -> Any:
        if (more.get("metadata") or {}).get("human"):
            more["metadata"] = None
        return add_node(self, name, *args, **more)

    patch.setattr(StateGraph, "add_node", unattended)
    for pattern in (handoff, group_chat):
        patch.setattr(pattern, "check_human_path", lambda *_: None)


def hidden_rules(patch: pytest.MonkeyPatch) -> None:
    """Policy allows all; the prompt has the rule, and the model minds it as long as it is there."""
    policy(patch)
    due = ScriptedChatModel._next

    def minds(self: Any, messages: Any, tools: Any) -> Any:
        reply, count = due(self, messages, tools)
        forbidden = {call["name"] for call in getattr(reply, "tool_calls", ())} & {"refund", "Advice"}
        told = any(PROMPT in message.text for message in messages)
        return ("My rules forbid that." if forbidden and told else reply), count

    patch.setattr(ScriptedChatModel, "_next", minds)


SWITCHES: dict[str, Switch] = {
    "policy": policy,
    "approval": approval,
    "budget": no_budget,
    "loop": loop,
    "invalid output": invalid,
    "tool failure": tool_failure,
    "tool timeout": tool_timeout,
    "model timeout": model_timeout,
    "crash": crash,
    "dissent": dissent,
    "audit": audit,
    "personal data": personal_data,
    "cancellation": cancellation,
    "drain": drain,
    "passive supervisor": policy,
    "overbearing supervisor": overbearing,
    "lonely supervisor": lonely,
    "hidden rules": hidden_rules,
}
