"""Watch: each document that arrives in a folder starts a run or wakes one, once; deadlines wake runs too."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.people import As
from cli.terminal import Exit, complain, finish, say

if TYPE_CHECKING:
    from langgraph.runtime import RunControl

    from cli.inbox import Inbox
    from cli.session import Session
    from governance.events import Event, EventBook
    from nodes.admission import Request

VOUCHED_NAME = re.compile(r"(?P<customer>[^_]+)__.+")
"""`C-10002__letter.pdf`: whoever files it says whose letter it is."""

SEARCHED_CHARACTERS = 4_000
"""How much of a document is searched for what it refers to."""


def watch(
    folder: Annotated[Path, typer.Argument(help="Where documents arrive.")],
    graph: Annotated[str, typer.Option(help="Which graph; the front door picks one by itself.")] = "adaptive",
    vouched: Annotated[
        str | None,
        typer.Option(help="Trust names such as C-10002__letter.pdf, verified like this: post-room."),
    ] = None,
    every: Annotated[float, typer.Option(min=0.05, help="Seconds between two looks.")] = 2.0,
    once: Annotated[bool, typer.Option("--once", help="Take what is there now, then end.")] = False,
    user: As = None,
) -> None:
    """Run each document that arrives in a folder, once.

    Runs that wait for a document are woken by it.
    """
    finish(_watch(folder, graph, vouched, every, user, once=once))


async def _watch(
    folder: Path, graph: str, vouched: str | None, every: float, user: str | None, *, once: bool
) -> int:
    import asyncio

    from cli.drain import draining
    from cli.inbox import Inbox
    from cli.session import session
    from governance.events import EventBook

    inbox = await asyncio.to_thread(Inbox, folder)
    async with session(user) as opened:
        await opened.application.prepare()
        with draining() as control:
            watcher = Watcher(opened, EventBook(opened.plane), inbox, graph, vouched, control)
            return await _take_turns(watcher, every, once=once)


async def _take_turns(watcher: Watcher, every: float, *, once: bool) -> int:
    """Watch as soon as no other watcher is at the folder."""
    import asyncio

    inbox, told = watcher.inbox, False
    while not watcher.control.drain_requested:
        with inbox.alone() as alone:
            if alone:
                await asyncio.to_thread(inbox.whole)
                left = await watcher.keep_on(every, once=once)
                return Exit.DRAINED if watcher.control.drain_requested else _end(left)
        if once or not told:
            say(f"Another watcher is at {inbox.folder}; it takes what lies there.")
            told = True
        if once:
            return Exit.COMPLETED
        await asyncio.sleep(every)
    return Exit.DRAINED


def _end(left: list[Path]) -> int:
    for path in left:
        complain(
            f"{_readable(path.name)} is still being written, or its run stopped; run `tower watch` again"
        )
    return Exit.FAILED if left else Exit.COMPLETED


def _readable(text: str) -> str:
    """Without what a terminal would obey or UTF-8 can't hold: whoever sends a file chooses its name."""
    whole = text.encode("utf-8", "backslashreplace").decode()
    return "".join(c if c.isprintable() else " " for c in whole)


@dataclass
class Watcher:
    """One process at one folder.

    Attributes:
        control: Asks the run at work to stop between two steps, and the watcher to end.
        stopped: Files and questions whose runs stopped on the way; they wait for another process.
    """

    opened: Session
    book: EventBook
    inbox: Inbox
    graph: str
    vouched: str | None
    control: RunControl

    def __post_init__(self) -> None:
        self.stopped: set[Any] = set()

    async def keep_on(self, every: float, *, once: bool) -> list[Path]:
        """Handle what arrives; returns what was left, where it looks only once."""
        import asyncio

        while True:
            await asyncio.sleep(every)
            whole, unfinished = await asyncio.to_thread(self.inbox.whole)
            for path in whole:
                if path not in self.stopped and not self.control.drain_requested:
                    await self._handle(path)
            if not self.control.drain_requested:
                await self._wake_overdue()
            if once or self.control.drain_requested:
                return [*unfinished, *(path for path in whole if path in self.stopped)]

    async def _handle(self, path: Path) -> None:
        import asyncio
        import hashlib

        from governance.errors import InvalidInput
        from governance.events import Event

        name = _readable(path.name)
        event = Event("document", self.opened.user.tenant, name)
        try:
            data = await asyncio.to_thread(self.inbox.read, path)
            if data is None:
                return
            event = Event("document", self.opened.user.tenant, name, hashlib.sha256(data).hexdigest())
            run = await self.book.run_of(event) or await self._begin(event, name, data)
        except InvalidInput as error:
            reason = _readable(str(error))
            # The name may be somebody's; what the log keeps has none.
            await self.book.refused(event, self.opened.user, reason.replace(name, "the document"))
            await asyncio.to_thread(self.inbox.refuse, path, reason)
            complain(f"moved to {self.inbox.folder.name}/refused: {reason}")
            return
        if await self._drive(run, name, path):
            await asyncio.to_thread(self.inbox.done, path)

    async def _begin(self, event: Event, name: str, data: bytes) -> str:
        """Wake the run that waits for this document, or open one for it; the run's id.

        Raises:
            InvalidInput: The document can't be used.
        """
        from uuid import uuid4

        from governance.events import EventSeen
        from nodes.admission import Request
        from nodes.intake import read_document

        named = VOUCHED_NAME.fullmatch(name) if self.vouched else None
        customer = named["customer"] if named else None
        request = Request("", [await read_document((name, data))], customer, self.vouched or "user")
        admission = self.opened.application.admission
        try:
            woken = await self._wake(event, request)
            if woken:
                return woken
            thread = str(uuid4())
            admitted = await admission.admit(self.opened.user, self.graph, request, thread, event=event)
        except EventSeen as seen:
            return seen.run
        return admitted.run.id

    async def _wake(self, event: Event, request: Request) -> str | None:
        """Give the document to the one open question that it refers to, about the same customer."""
        subject, text = await self.opened.application.admission.addition(self.opened.user, request)
        if subject is None:
            return None
        words = set(re.findall(r"[\w-]+", text[:SEARCHED_CHARACTERS]))
        open_ = await self.book.questions(self.opened.user.tenant, subject)
        meant = [asked for asked, names in open_ if names & words]
        if len(meant) != 1 or not await self.book.bring(event, meant[0], text):
            return None
        return meant[0].run

    async def _wake_overdue(self) -> None:
        from governance.events import passed

        for asked in await self.book.overdue(self.opened.user.tenant):
            if asked.id not in self.stopped and await self._drive(
                asked.run, f"deadline of {asked.id}", asked.id
            ):
                await self.book.note(passed(asked), asked.run)

    async def _drive(self, run: str, what: str, mark: Any) -> bool:
        """Take a run as far as it goes and say how it stands; False if it stopped on the way."""
        from cli.drive import drive

        record = await self.opened.plane.record(run)
        try:
            record = await drive(self.opened, record, lambda *_: None, self.control)
        except Exception as error:  # noqa: BLE001 - what stops one run must not stop the others
            self.stopped.add(mark)
            complain(f"{what}: {error}")
            return False
        say(f"{what} → {run} {(record.outcome or {}).get('status', 'waits for a person')}")
        return True
