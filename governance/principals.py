"""Principals: the people and agents that act, and the run that they act in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from governance.contract import Contract


@dataclass(frozen=True, slots=True)
class User:
    """An authenticated person (or service)."""

    id: str
    tenant: str
    roles: frozenset[str]


@dataclass(frozen=True, slots=True)
class AgentIdentity:
    """Who an agent is: `kind` is what policy speaks of, `version` what an auditor asks for.

    Attributes:
        version: First 12 hex digits of the hash over prompt, tools, schema and model role.
        owner: The team that answers for it.
    """

    name: str
    kind: str
    version: str
    owner: str


@dataclass(frozen=True, slots=True)
class Run:
    """One request from admission to outcome; survives interrupts and restarts under one id.

    Attributes:
        user: Who started it.
        subject: The verified customer it is about, or None if nobody verified one.
        verified: How `subject` was verified: `sender`, `vouched` or `no`.
        policy_version: Content hash of the policies and limits that it was admitted under.
        contract: Compiled from the admission, before anything untrusted is read.
    """

    id: str
    thread_id: str
    graph: str
    user: User
    subject: str | None
    verified: str
    policy_version: str
    contract: Contract


@dataclass(frozen=True, slots=True)
class Actor:
    """An agent acting in a run, at a position that is the same whenever the step is executed again.

    Attributes:
        position: Logical place in the run (`claim/extract/0`): names and counts, never task ids.
    """

    agent: AgentIdentity
    run: Run
    position: str = field(default="")
