"""Acts: what an agent asks to do at one of the five seams, and what the control plane answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from governance.principals import Actor

Json = Any
"""A JSON value: null, bool, int, str, list or dict (no floats where policy reads it)."""


class Seam(StrEnum):
    """The five places where an agent reaches the world."""

    MODEL = "model"
    TOOL = "tool"
    ROUTE = "route"
    MEMORY = "memory"
    DELIVERY = "delivery"


@dataclass(frozen=True, slots=True)
class Cost:
    """What an act may use at most; reserved before it, settled to what it did use."""

    model_calls: int = 0
    tool_calls: int = 0
    handoffs: int = 0
    tokens: int = 0
    micros: int = 0
    """Money in millionths of the account's currency."""


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that an agent asks to do.

    Attributes:
        action: The Cedar action: a tool's name, `call_model`, `route`, `read_memory`,
            `write_memory` or `deliver`.
        resource: Cedar entity `(type, id)`, such as `("Tool", "pay_claim")`.
        args: What policy sees as `context.args`; personal values as tokens.
        request_hash: Hash of all that decides the result (prompt, arguments, model).
        sequence: Count of this act within the actor's position.
        repeatable: A repeat with the same key does no harm (reads, idempotent tools, models).
        facts: What else policy sees, directly in `context` (such as `provider` for a model).
    """

    seam: Seam
    actor: Actor
    action: str
    resource: tuple[str, str]
    args: Mapping[str, Json]
    request_hash: str
    sequence: int
    cost: Cost = field(default_factory=Cost)
    repeatable: bool = True
    facts: Mapping[str, Json] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Idempotency key: equal for the same act at the same place of the same run."""
        parts = (self.actor.run.id, self.actor.position, str(self.sequence), self.action, self.request_hash)
        return "/".join(parts)


class Effect(StrEnum):
    """What policy says to an act."""

    ALLOW = "allow"
    APPROVE = "approve"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Decision:
    """Policy's answer, with the `@id`s of the policies it rests on."""

    effect: Effect
    policies: tuple[str, ...]
    version: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Clearance:
    """Leave to act once, or the result of the time when it was acted already.

    Attributes:
        key: Pass it to the world as the idempotency key.
        replay: The stored result where the act was done before; then don't act.
        attempt: 1 for the first attempt; more after a crash between intent and result.
        approved_by: The person whose approval was consumed, if any.
        ailing: Breakers that count failures, to be told when this succeeds.
    """

    act: Act
    key: str
    decision: Decision
    replay: Json | None = None
    done_before: bool = False
    attempt: int = 1
    approved_by: str | None = None
    ailing: frozenset[str] = frozenset()
