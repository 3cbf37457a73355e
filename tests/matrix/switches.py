"""Switches: each turns one control off, so that its cells can show that they notice."""

from __future__ import annotations

import asyncio
import types
from collections.abc import Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from langgraph.runtime import RunControl

from governance import budget, situation
from governance.acts import Decision, Effect
from governance.audit import AuditLog
from governance.policy import PolicyEngine
from governance.vault import Vault
from nodes import agent, deliver, turn
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
    """Any result will do."""
    patch.setattr(agent, "_parse", lambda schema, args: (schema.model_construct(**args), ""))
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


def timeout(patch: pytest.MonkeyPatch) -> None:
    """Tools and models may take for ever."""

    @asynccontextmanager
    async def forever(_: float) -> Any:
        yield

    patch.setattr(gateway, "asyncio", types.SimpleNamespace(**{**vars(asyncio), "timeout": forever}))


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
    """Whoever is cancelled takes what it began along."""

    async def bare(work: Any) -> Any:
        return await work

    patch.setattr(gateway, "_shielded", bare)


def drain(patch: pytest.MonkeyPatch) -> None:
    """Nobody hears that the process is to end."""
    patch.setattr(RunControl, "request_drain", lambda *_: None)


SWITCHES: dict[str, Switch] = {
    "policy": policy,
    "approval": approval,
    "budget": no_budget,
    "loop": loop,
    "invalid output": invalid,
    "tool failure": tool_failure,
    "timeout": timeout,
    "crash": crash,
    "dissent": dissent,
    "audit": audit,
    "personal data": personal_data,
    "cancellation": cancellation,
    "drain": drain,
}
