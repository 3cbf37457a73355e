"""PostgreSQL saver that can also undo a run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from selectors import EVENT_READ, DefaultSelector
from typing import Any

from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.checkpoint.serde.base import SerializerProtocol
from psycopg import AsyncConnection, OperationalError, errors
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

SETUP_LOCK = 7_308_332_055_002_001
SETUP_PAUSE_SECONDS = 0.1
MAX_CONNECTIONS = 4

RUN_INDEX = "CREATE INDEX IF NOT EXISTS checkpoints_by_run ON checkpoints ((metadata ->> 'run_id'))"

OF_RUNS = "metadata ->> 'run_id' = ANY(%s)"
DELETE_RUN_WRITES = f"""DELETE FROM checkpoint_writes w USING checkpoints c
WHERE (w.thread_id, w.checkpoint_ns, w.checkpoint_id) = (c.thread_id, c.checkpoint_ns, c.checkpoint_id)
AND c.{OF_RUNS}"""
DELETE_RUN_CHECKPOINTS = f"""DELETE FROM checkpoints WHERE {OF_RUNS}
RETURNING thread_id, checkpoint_ns, checkpoint -> 'channel_versions' AS versions"""
# A version that a checkpoint still names stays; so does one whose checkpoint is yet to come.
DELETE_FREED_BLOBS = """DELETE FROM checkpoint_blobs b
WHERE b.thread_id = %s AND b.checkpoint_ns = %s AND b.channel = %s AND b.version = %s
AND NOT EXISTS (SELECT 1 FROM checkpoints c WHERE c.thread_id = b.thread_id
AND c.checkpoint_ns = b.checkpoint_ns AND c.checkpoint -> 'channel_versions' ->> b.channel = b.version)"""

Pool = AsyncConnectionPool[AsyncConnection[DictRow]]


class PostgresSaver(AsyncPostgresSaver):
    """`AsyncPostgresSaver` with what a rollback needs."""

    async def setup(self) -> None:
        """Bring the tables up to date, one process at a time."""
        if await self._is_current():
            return
        async with self._cursor() as cursor:
            # Polled: a statement that waits for the lock would block CREATE INDEX CONCURRENTLY.
            while not await self._locked(cursor):  # noqa: ASYNC110
                await asyncio.sleep(SETUP_PAUSE_SECONDS)
            try:
                await AsyncPostgresSaver(cursor.connection, serde=self.serde).setup()
                await cursor.execute(RUN_INDEX)
            finally:
                await cursor.execute("SELECT pg_advisory_unlock(%s)", (SETUP_LOCK,))

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Forget what these runs saved; their threads are then as they were before them."""
        runs = [str(run_id) for run_id in run_ids]
        async with self._cursor() as cursor, cursor.connection.transaction():
            await cursor.execute(DELETE_RUN_WRITES, (runs,))
            await cursor.execute(DELETE_RUN_CHECKPOINTS, (runs,))
            freed = {
                (row["thread_id"], row["checkpoint_ns"], channel, version)
                for row in await cursor.fetchall()
                for channel, version in row["versions"].items()
            }
            await cursor.executemany(DELETE_FREED_BLOBS, sorted(freed))

    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """Drop the history of threads (`keep_latest`), or all of them (`delete_all`, also `delete`).

        Raises:
            NotImplementedError: `keep_latest` on a thread with a `DeltaChannel`, whose state is its history.
            ValueError: There is no such strategy.
        """
        await super().aprune(thread_ids, strategy="delete" if strategy == "delete_all" else strategy)

    async def _is_current(self) -> bool:
        async with self._cursor() as cursor:
            try:
                await cursor.execute(
                    "SELECT max(v) AS version, to_regclass('checkpoints_by_run') AS run_index "
                    "FROM checkpoint_migrations"
                )
            except errors.UndefinedTable:
                return False
            row = await cursor.fetchone()
        return row is not None and row["version"] == len(self.MIGRATIONS) - 1 and row["run_index"] is not None

    async def _locked(self, cursor: Any) -> bool:
        await cursor.execute("SELECT pg_try_advisory_lock(%s) AS locked", (SETUP_LOCK,))
        return bool((await cursor.fetchone())["locked"])


async def _check(connection: AsyncConnection[DictRow]) -> None:
    """Raise where the server has closed it, without asking: else an idle connection has nothing to read."""
    with DefaultSelector() as selector:
        selector.register(connection, EVENT_READ)
        if selector.select(0):
            await connection.close()
            msg = "the database has closed an idle connection; take another one"
            raise OperationalError(msg)


@asynccontextmanager
async def postgres_saver(url: str, serde: SerializerProtocol) -> AsyncIterator[PostgresSaver]:
    """Open the saver of one database on a pool of its own."""
    pool: Pool = AsyncConnectionPool(
        url,
        min_size=1,
        max_size=MAX_CONNECTIONS,
        open=False,
        kwargs={"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row},
        check=_check,
    )
    async with pool:
        saver = PostgresSaver(pool, serde=serde)
        await saver.setup()
        yield saver
