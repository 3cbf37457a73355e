"""Agents: which are known to the control plane, and which may no longer act."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from governance.clock import stamp
from governance.connections import Row
from governance.principals import AgentIdentity
from governance.store import Tx

EVERY_VERSION = "*"


@dataclass(frozen=True, slots=True)
class KnownAgent:
    """An agent as the control plane knows it; version `*` stands for every version."""

    identity: AgentIdentity
    status: str
    first_seen: str


def register(tx: Tx, agent: AgentIdentity, now: datetime) -> None:
    """Note an agent the first time it is seen; a revocation stays."""
    tx.execute(
        "INSERT INTO agents (name, version, kind, owner, status, first_seen) VALUES (?, ?, ?, ?, 'active', ?)"
        " ON CONFLICT (name, version) DO NOTHING",
        (agent.name, agent.version, agent.kind, agent.owner, stamp(now)),
    )


def objection(tx: Tx, agent: AgentIdentity, row: Row, now: datetime) -> str | None:
    """Why this agent may not act, or None; registers one that was never seen.

    Args:
        row: Kind and status of its version, then the status of all its versions; None where unknown.
    """
    kind, status, of_all = row
    for version, its in ((EVERY_VERSION, of_all), (agent.version, status)):
        if its == "revoked":
            return f"agent {agent.name} (version {version}) is revoked"
    if kind is None:
        register(tx, agent, now)
    elif kind != agent.kind:
        return f"agent {agent.name} is of kind {kind}, not {agent.kind}"
    return None


def revoke(tx: Tx, name: str, now: datetime, version: str = EVERY_VERSION) -> None:
    """Forbid an agent every further act, in this version or, by default, in every one."""
    tx.execute(
        "INSERT INTO agents (name, version, kind, owner, status, first_seen)"
        " VALUES (?, ?, '', '', 'revoked', ?) ON CONFLICT (name, version) DO UPDATE SET status = 'revoked'",
        (name, version, stamp(now)),
    )


def known(tx: Tx) -> list[KnownAgent]:
    """All agents, by name."""
    rows = tx.all(
        "SELECT name, kind, version, owner, status, first_seen FROM agents ORDER BY name, first_seen"
    )
    return [KnownAgent(AgentIdentity(*row[:4]), row[4], row[5]) for row in rows]
