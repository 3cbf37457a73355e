"""Situation: all that the gate has to know before an act, in one query."""

from __future__ import annotations

from dataclasses import dataclass

from governance.acts import Act
from governance.agents import EVERY_VERSION
from governance.connections import Row
from governance.store import Tx

_QUERY = """
    SELECT h.seq, h.hash,
           j.state, j.attempt, j.repeatable, j.worker, j.lease, j.result, j.decision, j.approved_by,
           r.state, r.created, r.ended, t.idle, t.waits_since, t.active, EXISTS (SELECT 1 FROM breakers),
           a.kind, a.status, e.status
    FROM audit_head h
    LEFT JOIN journal j ON j.key = ?
    LEFT JOIN runs r ON r.id = ?
    LEFT JOIN run_times t ON t.run = r.id
    LEFT JOIN agents a ON a.name = ? AND a.version = ?
    LEFT JOIN agents e ON e.name = ? AND e.version = ?"""


@dataclass(frozen=True, slots=True)
class Situation:
    """Rows about an act, as `journal.found`, `timers.standing` and `agents.objection` read them.

    Attributes:
        journal: Of the act, if it was ever begun; by its state first.
        run: Of its run, if there is one; by its state first.
        agent: Kind and status of the agent's version, then the status of all its versions.
    """

    journal: Row
    run: Row
    agent: Row


def read(tx: Tx, act: Act) -> Situation:
    """Read it, and the head of the audit log with it."""
    agent, run = act.actor.agent, act.actor.run
    asked = (act.key, run.id, agent.name, agent.version, agent.name, EVERY_VERSION)
    row = tx.all(_QUERY, asked)[0]
    tx.db.head = row[0], row[1]
    return Situation(row[2:10], row[10:17], row[17:])
