"""The desk's database: one engine per URL, work done in threads, each effect once per idempotency key."""

from __future__ import annotations

import asyncio
import datetime as dt
import importlib
import sqlite3
import threading
import time
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, insert, inspect, text, update
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from governance.connections import private_file
from governance.settings import Settings
from tools.desk.errors import KeyReused, OtherRelease
from tools.desk.records import AppliedRow, CounterRow, Row
from tools.desk.seed import REFERENCE_DATE, seed_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import BaseModel

    from tools.spec import Caller, EffectKey

    M = TypeVar("M", bound=BaseModel)

T = TypeVar("T")

BUSY_TIMEOUT_SECONDS = 30
SETUP_LOCK = 0x746F776572_01
"""Advisory lock number under which one process sets the tables up."""


class Desk:
    """The insurer's records; methods are safe from any event loop, thread or process.

    Args:
        url: `sqlite:///…` or `postgresql://…`.
        clock: Returns the time, with its zone.
    """

    _open: ClassVar[dict[str, Desk]] = {}
    _guard: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, url: str, clock: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC)) -> None:
        self.url = url
        self.clock = clock
        self._setup = threading.Lock()
        self._ready = False

    @classmethod
    def current(cls) -> Desk:
        """The desk of this process's settings; the same object for the same URL."""
        url = Settings.from_env().url("desk")
        with cls._guard:
            return cls._open.setdefault(url, cls(url))

    def today(self) -> dt.date:
        """The desk's date: never before that of the seeded records."""
        return max(self.clock().date(), REFERENCE_DATE)

    async def read(self, work: Callable[[Session], T]) -> T:
        """Do `work` in a worker thread, in one transaction that changes nothing."""
        return await asyncio.to_thread(self._transact, work, writes=False)

    async def run(self, work: Callable[[Session], T]) -> T:
        """Do `work` in a worker thread, in one transaction: all of it or nothing."""
        return await asyncio.to_thread(self._transact, work, writes=True)

    async def once(self, key: EffectKey, caller: Caller, form: type[M], work: Callable[[Session], M]) -> M:
        """Do `work` and keep its result under `key`, in one transaction; a repeat gets the kept result.

        Args:
            form: Model of the result.

        Raises:
            KeyReused: The key belongs to another tenant or another kind of result.
        """
        return await self.run(lambda session: _once(session, key, caller, form, work))

    def ensure(self) -> None:
        """Create the tables and seed them, unless that was done; several processes may call it at once."""
        with self._setup:
            if not self._ready:
                self._create()
                self._ready = True

    def close(self) -> None:
        """Give the connections back; the desk opens new ones when it is used again."""
        self._engine.dispose()

    @cached_property
    def _engine(self) -> Engine:
        url = make_url(self.url)
        if url.drivername in {"postgresql", "postgres"}:
            return create_engine(url.set(drivername="postgresql+psycopg"), pool_pre_ping=True)
        if url.database:
            private_file(Path(url.database))
        engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_SECONDS})
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine

    def _transact(self, work: Callable[[Session], T], *, writes: bool) -> T:
        self.ensure()
        engine = self._engine.execution_options(desk_writes=writes)
        with Session(engine, expire_on_commit=False) as session, session.begin():
            return work(session)

    def _create(self) -> None:
        if self._engine.dialect.name == "sqlite":
            _use_wal(self._engine)
        with self._engine.execution_options(desk_writes=True).begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": SETUP_LOCK})
            if inspect(connection).has_table(CounterRow.__tablename__):
                _check_fit(connection)
                return
            Row.metadata.create_all(connection)
            for table, rows in seed_rows().items():
                connection.execute(insert(Row.metadata.tables[table]), rows)


def next_number(session: Session, kind: str) -> str:
    """The next number of a kind (`CL`, `PAY`, `N`, `L`), without gaps, in the order of commits."""
    count = session.execute(
        update(CounterRow)
        .where(CounterRow.kind == kind)
        .values(last=CounterRow.last + 1)
        .returning(CounterRow.last)
    ).scalar_one()
    return f"{kind}-{count}"


def _once(session: Session, key: EffectKey, caller: Caller, form: type[M], work: Callable[[Session], M]) -> M:
    # That of PostgreSQL takes a while to load, and most commands have a file.
    dialect: Any = importlib.import_module(f"sqlalchemy.dialects.{session.get_bind().dialect.name}")
    # On PostgreSQL a second holder of the key waits here until the first has committed.
    claimed = session.execute(
        dialect.insert(AppliedRow)
        .values(key=key, tenant=caller.tenant, effect=form.__name__)
        .on_conflict_do_nothing()
        .returning(AppliedRow.key)
    ).first()
    applied = session.get_one(AppliedRow, key)
    if claimed is None:
        if (applied.tenant, applied.effect) != (caller.tenant, form.__name__):
            msg = "this idempotency key belongs to another effect; ask the gateway for a new one"
            raise KeyReused(msg)
        return form.model_validate(applied.result)
    result = work(session)
    applied.result = result.model_dump(mode="json")
    return result


def _check_fit(connection: Connection) -> None:
    """Refuse records whose tables another release wrote; what our rows need can't be made up."""
    there = {
        name: {c["name"] for c in found}
        for (_, name), found in inspect(connection).get_multi_columns().items()
    }
    tables = Row.metadata.tables.values()
    missing = [f"{t.name}.{c.name}" for t in tables for c in t.columns if c.name not in there.get(t.name, ())]
    if missing:
        msg = (
            f"the desk's records lack {', '.join(missing[:3])}: another release of the desk wrote them, and "
            "nothing was changed. Go on with that release, or begin new records beside them: "
            "TOWER_HOME=.tower-new (or another TOWER_DESK_URL)"
        )
        raise OtherRelease(msg)


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # The driver must not begin transactions by itself: `_begin_sqlite` chooses their kind.
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_sqlite(connection: Any) -> None:
    # A transaction that begins by reading can't be upgraded while another one writes: it fails at once.
    writes = connection.get_execution_options().get("desk_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _use_wal(engine: Engine) -> None:
    """Switch the file to write-ahead logging; SQLite doesn't wait for its busy timeout here."""
    deadline = time.monotonic() + BUSY_TIMEOUT_SECONDS
    while True:
        connection = engine.raw_connection()
        try:
            connection.cursor().execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return
        finally:
            connection.close()
