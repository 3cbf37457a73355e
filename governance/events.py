"""Events: what happened outside, each handled once: it opens a run, or wakes one that waits."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from governance import approvals, runs
from governance.approvals import EXPIRED, PENDING, Approval
from governance.audit import Entry
from governance.canonical import digest
from governance.clock import stamp
from governance.errors import TowerError

if TYPE_CHECKING:
    from governance.acts import Act
    from governance.audit import AuditLog
    from governance.plane_people import Hearing
    from governance.principals import Run, User
    from governance.store import Tx

ASKS_AT = "escalate"
"""The node that asks for what a step lacks. A document may bring that; a yes or a choice is a person's."""

AGAIN = "again"
"""The kind of event by which a person runs a request again; its digest is the first run's id."""


class EventSeen(TowerError):
    """The event was handled before.

    Attributes:
        run: The run that it opened or woke.
    """

    def __init__(self, run: str) -> None:
        super().__init__(f"this was handled before, by {run}; see `tower show {run}`")
        self.run = run


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened outside: a document arrived, a deadline passed, a person wants it again.

    Attributes:
        kind: `document`, `deadline` or `again`.
        name: What makes it this event beside its content, such as a file's name; only hashed.
        digest: Of its content.
    """

    kind: str
    tenant: str
    name: str
    digest: str = ""

    @property
    def key(self) -> str:
        """Equal for the same event whoever sees it, and whenever."""
        return digest([self.kind, self.tenant, self.name, self.digest])


def take(tx: Tx, audit: AuditLog, event: Event, run: Run, *, place: str = "", body: str = "") -> None:
    """Write down that a run handles an event, in the transaction that opens or wakes it.

    Args:
        place: Key of the act that asked for it, where it wakes a run.
        body: What the run is given, personal values as tokens.

    Raises:
        EventSeen: It was handled before; nothing is written.
    """
    row = tx.one("SELECT run FROM events WHERE key = ?", (event.key,))
    if row:
        raise EventSeen(row[0])
    did = "woke" if place else "opened"
    entry = Entry.of_run("event", run, event=event.key, what=event.kind, digest=event.digest, did=did)
    seq = audit.append(tx, entry)
    values = (event.key, event.tenant, event.kind, run.id, place, body, seq)
    tx.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)", values)


@dataclass(frozen=True)
class EventBook:
    """What one who watches for events asks the control plane."""

    plane: Hearing

    async def run_of(self, event: Event) -> str | None:
        """The run that handles an event, or None if it is new."""
        row = await self.plane.store.read(
            lambda tx: tx.one("SELECT run FROM events WHERE key = ?", (event.key,))
        )
        return row[0] if row else None

    async def refused(self, event: Event, user: User, reason: str) -> None:
        """Write down that an event can't be used, once."""
        body = {"event": event.key, "what": event.kind, "digest": event.digest, "reason": reason}
        entry = Entry("event_refused", tenant=user.tenant, user=user.id, body=body)
        await self.plane.store.transact(lambda tx: self.plane.audit.append(tx, entry))

    async def questions(self, tenant: str, subject: str) -> list[tuple[Approval, frozenset[str]]]:
        """Open questions of runs about a customer, each with what a document may refer to it by."""

        def work(tx: Tx) -> list[tuple[Approval, frozenset[str]]]:
            waiting = approvals.pending(tx, tenant=tenant, now=self.plane.clock())
            asking = [a for a in waiting if f"/{a.act['position']}".split("/")[-2] == ASKS_AT]
            found = [a for a in asking if runs.get(tx, a.run).run.subject == subject]
            return [(a, frozenset({a.id, a.run}.union(*runs.added_trust(tx, a.run).values()))) for a in found]

        return await self.plane.store.read(work)

    async def bring(self, event: Event, asked: Approval, body: str) -> bool:
        """Give a waiting step what arrived; its question to a person is withdrawn.

        Returns:
            False if the question was answered meanwhile, and nothing was done.

        Raises:
            EventSeen: It was handled before.
        """
        run = await self.plane.run(asked.run)

        def work(tx: Tx) -> bool:
            if approvals.as_of(approvals.get(tx, asked.id), self.plane.clock()).state != PENDING:
                return False
            take(tx, self.plane.audit, event, run, place=asked.asked_key, body=body)
            # Without its hashes, no later act finds it.
            tx.execute(
                "UPDATE approvals SET state = ?, message = ?, asked_hash = '', args_hash = '' WHERE id = ?",
                (EXPIRED, "a document arrived instead, and the run went on with it", asked.id),
            )
            return True

        return await self.plane.store.transact(work)

    async def brought(self, act: Act) -> str | None:
        """What arrived for the step that asks by this act, or None."""
        row = await self.plane.store.read(
            lambda tx: tx.one(
                "SELECT body FROM events WHERE place = ? AND run = ?", (act.key, act.actor.run.id)
            )
        )
        return row[0] if row else None

    async def overdue(self, tenant: str) -> list[Approval]:
        """Questions that nobody answered in time, whose runs still wait."""
        now = stamp(self.plane.clock())

        def work(tx: Tx) -> list[Approval]:
            rows = tx.all(
                "SELECT a.id FROM approvals a JOIN runs r ON r.id = a.run"
                " WHERE a.tenant = ? AND a.state = ? AND a.expires <= ? AND r.state = ? ORDER BY a.expires",
                (tenant, PENDING, now, runs.WAITING),
            )
            late = [approvals.get(tx, row[0]) for row in rows]
            return [a for a in late if not tx.one("SELECT 1 FROM events WHERE key = ?", (passed(a).key,))]

        return await self.plane.store.read(work)

    async def note(self, event: Event, run_id: str) -> None:
        """Write down that a run was woken by an event, unless that was done."""
        run = await self.plane.run(run_id)
        with suppress(EventSeen):
            await self.plane.store.transact(
                lambda tx: take(tx, self.plane.audit, event, run, place=event.name)
            )


def passed(asked: Approval) -> Event:
    """The event that a question's deadline passed."""
    return Event("deadline", asked.tenant, asked.id)
