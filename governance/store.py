"""Control store: transactions on the control database, safe from any thread, loop or process."""

from __future__ import annotations

import asyncio
import atexit
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

from governance.connections import DATABASE_ERRORS, FULL, Connection, Row
from governance.errors import ControlUnavailable
from governance.schema import open_database

T = TypeVar("T")
_GROUP = 32


class Tx:
    """One transaction; what it wrote is there as a whole or not at all."""

    def __init__(self, db: Connection) -> None:
        self.db = db
        self.after_commit: list[Callable[[], None]] = []

    def execute(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        """Run one statement with `?` placeholders; rows it returns (`SELECT`, `RETURNING`), if any."""
        return self.db.execute(sql, params)

    def all(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        """All rows of a query."""
        return self.db.execute(sql, params)

    def one(self, sql: str, params: Sequence[Any] = ()) -> Row | None:
        """The first row of a query, or None."""
        return next(iter(self.db.execute(sql, params)), None)


Work = Callable[[Tx], T]
_Job = tuple[Work[Any], "Future[Any]", bool]


class ControlStore:
    """The control database.

    One thread writes. Requests that wait for it are committed as a group, each in a savepoint
    of its own, so that one sync to disk serves several. Reads run beside it in other threads.
    Nothing is opened before the first use, and nothing is bound to an event loop.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._writer: threading.Thread | None = None
        self._db: Connection | None = None
        self._readers = ThreadPoolExecutor(max_workers=2, thread_name_prefix="control-read")
        self._reading = threading.local()
        self._opened: list[Connection] = []
        self._lock = threading.Lock()
        self._closed = False
        self.before_close: list[Work[Any]] = []

    async def transact(self, work: Work[T], *, synced: bool = True) -> T:
        """Run `work` in one transaction, off the event loop.

        A cancelled caller doesn't take back what was begun: it is committed or not as a whole.

        Args:
            synced: It outlasts a power cut, and not only the process.

        Raises:
            ControlUnavailable: The database can't be opened, read or written; nothing was written.
        """
        return await asyncio.wrap_future(self.submit(work, synced=synced))

    def transact_sync(self, work: Work[T]) -> T:
        """Do what `transact` does, for callers without an event loop."""
        return self.submit(work).result()

    def submit(self, work: Work[T], *, synced: bool = True) -> Future[T]:
        """Queue `work`; the future holds what it returns or raises."""
        if self._closed:
            msg = "the control store was closed; build a new one"
            raise ControlUnavailable(msg)
        if self._writer is None:
            self._start()
        future: Future[T] = Future()
        self._jobs.put((work, future, synced))
        return future

    async def read(self, work: Work[T]) -> T:
        """Run `work` on one moment of the database, off the event loop; it must not write."""
        return await asyncio.wrap_future(self._readers.submit(self._read, work))

    def read_sync(self, work: Work[T]) -> T:
        """Do what `read` does, for callers without an event loop."""
        return self._readers.submit(self._read, work).result()

    @property
    def closed(self) -> bool:
        """Whether it was closed for good."""
        return self._closed

    @property
    def read_only(self) -> bool:
        """Whether what was opened lies where nothing can be written."""
        return any(db.read_only for db in self._opened)

    def close(self) -> None:
        """Finish what is queued, then let go of the database; safe to call twice."""
        if self._closed:
            return
        if self._writer is not None:
            for work in self.before_close:
                # A database that is gone now can't take a last word; what it holds is whole without.
                with suppress(ControlUnavailable):
                    self.transact_sync(work)
        self._closed = True
        self._jobs.put(None)
        if self._writer is not None:
            self._writer.join()
            atexit.unregister(self.close)
        self._readers.shutdown()
        for db in self._opened:
            db.close()

    def _start(self) -> None:
        with self._lock:
            if self._writer is None:
                self._writer = threading.Thread(target=self._write, name="control-write", daemon=True)
                self._writer.start()
                atexit.register(self.close)

    def _connect(self) -> Connection:
        try:
            db = open_database(self.url)
        except (*DATABASE_ERRORS, ValueError) as error:
            raise unavailable(error) from error
        self._opened.append(db)
        return db

    def _read(self, work: Work[T]) -> T:
        db: Connection | None = getattr(self._reading, "db", None)
        try:
            db = db or self._connect()
            self._reading.db = db
            db.begin_reading()
            try:
                return work(Tx(db))
            finally:
                db.execute("COMMIT")
        except DATABASE_ERRORS as error:
            self._reading.db = None
            raise unavailable(error) from error

    def _write(self) -> None:
        stop = False
        while not stop:
            group: list[_Job] = []
            job = self._jobs.get()
            while job is not None:
                if job[1].set_running_or_notify_cancel():
                    group.append(job)
                if len(group) >= _GROUP or self._jobs.empty():
                    break
                job = self._jobs.get()
            stop = job is None
            if group:
                self._write_group(group)

    def _write_group(self, group: list[_Job]) -> None:
        synced = any(job[2] for job in group)
        try:
            db = self._begin(synced=synced)
            alone = len(group) == 1
            done = [(future, self._run(db, work, future, alone=alone)) for work, future, _ in group]
            if not alone:
                db.execute("COMMIT")
            if not synced and any(outcome and outcome[1] for _, outcome in done):
                db.sync()  # what is told outside the database must not be ahead of it
        except Exception as error:  # noqa: BLE001 - who asked must hear of it, or waits for ever
            self._drop()
            known = isinstance(error, (ControlUnavailable, *DATABASE_ERRORS))
            for _, future, _ in group:
                if not future.done():
                    future.set_exception(unavailable(error) if known else error)
            return
        for future, outcome in done:
            if outcome is not None:
                _finish(future, *outcome)

    def _begin(self, *, synced: bool) -> Connection:
        if self._db is not None:
            try:
                self._db.begin(synced=synced)
            except DATABASE_ERRORS:
                # A server that was restarted in between has lost nothing of ours: nothing was begun.
                self._drop()
            else:
                return self._db
        self._db = self._connect()
        self._db.begin(synced=synced)
        return self._db

    def _run(
        self, db: Connection, work: Work[T], future: Future[T], *, alone: bool
    ) -> tuple[T, list[Callable[[], None]]] | None:
        """Run one piece of work, as the whole transaction or in a savepoint; its error undoes it alone."""
        if not alone:
            db.execute("SAVEPOINT work")  # which the commit of the group releases
        tx = Tx(db)
        try:
            result = work(tx)
        except BaseException as error:  # noqa: BLE001 - whatever it is belongs to the caller, not to this thread
            db.execute("ROLLBACK" if alone else "ROLLBACK TO SAVEPOINT work")
            db.head = None
            future.set_exception(unavailable(error) if isinstance(error, DATABASE_ERRORS) else error)
            return None
        if alone:
            db.execute("COMMIT")
        return result, tx.after_commit

    def _drop(self) -> None:
        if self._db is not None:
            self._opened.remove(self._db)
            self._db.close()
            self._db = None


def _finish(future: Future[T], result: T, after: list[Callable[[], None]]) -> None:
    try:
        for callback in after:
            callback()
    except (ControlUnavailable, OSError) as error:
        future.set_exception(unavailable(error))
    else:
        future.set_result(result)


def unavailable(error: BaseException) -> ControlUnavailable:
    """The error as the control plane says it: nothing may act."""
    if isinstance(error, ControlUnavailable):
        return error
    full = any(said in str(error) for said in FULL)
    todo = "Make room where it lies, then `tower resume RUN`" if full else "Check it with `tower doctor`"
    msg = f"the control database can't be used ({error}); nothing was written. {todo}"
    return ControlUnavailable(msg)
