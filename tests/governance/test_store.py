"""The control store: whole transactions, from any loop and process, or a clear no."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from governance import connections
from governance.connections import ReadOnly
from governance.errors import ControlUnavailable
from governance.settings import Settings
from governance.store import ControlStore, unavailable
from tests.governance.conftest import sql

ADD = "INSERT INTO agents VALUES (?, '1', 'k', 'o', 'active', '')"


def names(store: ControlStore) -> list[str]:
    return [row[0] for row in store.read_sync(lambda tx: tx.all("SELECT name FROM agents ORDER BY name"))]


async def test_a_failing_transaction_leaves_nothing_and_its_neighbours_alone(store):
    def work(name, fail):
        def inner(tx):
            tx.execute(ADD, (name,))
            if fail:
                raise LookupError(name)
            return name

        return inner

    jobs = [store.transact(work(f"a{n:02}", n % 3 == 0)) for n in range(30)]
    results = await asyncio.gather(*jobs, return_exceptions=True)

    assert [str(r) for r in results if isinstance(r, LookupError)] == [f"a{n:02}" for n in range(0, 30, 3)]
    assert names(store) == [f"a{n:02}" for n in range(30) if n % 3]


async def test_a_broken_statement_fails_closed_and_the_store_goes_on(store):
    with pytest.raises(ControlUnavailable, match="tower doctor"):
        await store.transact(lambda tx: tx.execute("INSERT INTO nowhere VALUES (1)"))
    await store.transact(lambda tx: tx.execute(ADD, ("a",)))
    assert names(store) == ["a"]


async def test_whatever_goes_wrong_in_the_writer_reaches_who_asked(store, monkeypatch):
    await store.transact(lambda tx: tx.execute(ADD, ("a",)))

    def broken(**_: bool) -> None:
        raise LookupError

    with monkeypatch.context() as patch:
        patch.setattr(store._db, "begin", broken)
        with pytest.raises(LookupError):
            await asyncio.wait_for(store.transact(lambda tx: tx.execute(ADD, ("b",))), 5)

    await store.transact(lambda tx: tx.execute(ADD, ("c",)))
    assert names(store) == ["a", "c"]


def test_it_serves_several_event_loops_at_once(store):
    async def add(start):
        for n in range(start, start + 20):
            await store.transact(lambda tx, n=n: tx.execute(ADD, (f"a{n:03}",)))

    threads = [threading.Thread(target=asyncio.run, args=(add(100 * k),)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(names(store)) == 80


def test_several_processes_may_open_it_first(settings, store):
    script = (
        "import sys; from governance.store import ControlStore; s = ControlStore(sys.argv[1]);"
        "s.transact_sync(lambda tx: tx.execute(sys.argv[2], (sys.argv[3],))); s.close()"
    )
    arguments = [sys.executable, "-c", script, settings.url("control"), ADD]
    children = [subprocess.Popen([*arguments, f"p{n}"]) for n in range(4)]
    assert [child.wait(60) for child in children] == [0, 0, 0, 0]
    assert names(store) == ["p0", "p1", "p2", "p3"]


async def test_reads_see_one_moment_and_hold_up_no_writer(store):
    await store.transact(lambda tx: tx.execute(ADD, ("a",)))
    began, wrote = threading.Event(), threading.Event()

    def slow_read(tx):
        before = len(tx.all("SELECT name FROM agents"))
        began.set()
        assert wrote.wait(20)
        return before, len(tx.all("SELECT name FROM agents"))

    reading = asyncio.create_task(store.read(slow_read))
    await asyncio.to_thread(began.wait, 20)
    await store.transact(lambda tx: tx.execute(ADD, ("b",)))
    wrote.set()
    assert await reading == (1, 1)


async def test_a_cancelled_request_that_still_waits_is_never_run(store):
    block, started = threading.Event(), threading.Event()

    def hold(tx):
        started.set()
        block.wait(20)

    first = asyncio.create_task(store.transact(hold))
    await asyncio.to_thread(started.wait, 20)
    second = asyncio.create_task(store.transact(lambda tx: tx.execute(ADD, ("late",))))
    await asyncio.sleep(0.01)
    second.cancel()
    await asyncio.sleep(0.01)
    block.set()
    await first
    assert names(store) == []


async def test_a_lost_connection_is_opened_again(settings, store):
    if settings.url("control").startswith("sqlite"):
        pytest.skip("a file has no connection to lose")
    await store.transact(lambda tx: tx.execute(ADD, ("a",)))
    sql(settings, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    await store.transact(lambda tx: tx.execute(ADD, ("b",)))
    assert sql(settings, "SELECT count(*) FROM agents")[0][0] == 2


def test_folder_and_file_are_the_owners_alone(tmp_path: Path):
    settings = Settings(tmp_path / "deep" / "home")
    store = ControlStore(settings.url("control"))
    store.transact_sync(lambda tx: None)
    store.close()
    assert stat.S_IMODE(settings.home.stat().st_mode) == 0o700
    assert stat.S_IMODE((settings.home / "control.db").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "url", ["sqlite:////proc/none/control.db", "mysql://x/y", "postgresql://127.0.0.1:1/x"]
)
async def test_what_cannot_be_opened_is_a_clear_no(url):
    store = ControlStore(url)
    for _ in range(2):
        with pytest.raises(ControlUnavailable):
            await store.transact(lambda tx: None)
        with pytest.raises(ControlUnavailable):
            await store.read(lambda tx: None)
    store.close()


async def test_a_garbled_file_is_a_clear_no(tmp_path: Path):
    (tmp_path / "control.db").write_bytes(b"not a database" * 100)
    store = ControlStore(f"sqlite:///{tmp_path}/control.db")
    with pytest.raises(ControlUnavailable):
        await store.transact(lambda tx: None)
    store.close()
    with pytest.raises(ControlUnavailable, match="closed"):
        await store.transact(lambda tx: None)


@pytest.mark.parametrize("memory", ["shared", ""])
async def test_what_cannot_be_written_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, memory: str):
    store = ControlStore(f"sqlite:///{tmp_path}/control.db")
    await store.transact(lambda tx: tx.execute(ADD, ("a",)))
    store.close()
    monkeypatch.setattr(os, "access", lambda *_: False)
    if not memory:
        monkeypatch.setattr(connections, "_open", without_memory(connections._open))
    copy = ControlStore(store.url)

    assert (names(copy), copy.read_only) == (["a"], True)
    with pytest.raises(ReadOnly, match="copy of its folder"):
        await copy.transact(lambda tx: tx.execute(ADD, ("b",)))
    assert names(copy) == ["a"]
    copy.close()


async def test_entries_in_a_log_that_cannot_be_read_are_never_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    store = ControlStore(f"sqlite:///{tmp_path}/control.db")
    await store.transact(lambda tx: tx.execute(ADD, ("a",)))
    monkeypatch.setattr(os, "access", lambda *_: False)
    monkeypatch.setattr(connections, "_open", without_memory(connections._open))
    copy = ControlStore(store.url)

    with pytest.raises(ReadOnly, match="wal holds entries that can't be read"):
        names(copy)
    copy.close()
    store.close()


def without_memory(opening):
    """SQLite where it can't make the memory that a log's readers share, as on a read-only medium."""

    class Blind:
        def execute(self, _: str) -> None:
            msg = "unable to open database file"
            raise sqlite3.OperationalError(msg)

        def close(self) -> None:
            pass

    return lambda uri: Blind() if uri.endswith("mode=ro") else opening(uri)


@pytest.mark.parametrize("said", ["database or disk is full", "disk I/O error"])
def test_a_full_disk_is_told_as_one(said: str):
    assert "Make room" in str(unavailable(sqlite3.OperationalError(said)))
