"""SQLite saver that can also undo a run and prune its history."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import aiosqlite
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata
from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

BUSY_SECONDS = 30
SETUP_ATTEMPTS = 100
SETUP_PAUSE_SECONDS = 0.1

RUN_INDEX = """CREATE INDEX IF NOT EXISTS checkpoints_by_run
ON checkpoints (json_extract(CAST(metadata AS TEXT), '$.run_id'))"""

# SQLite binds no lists: each takes one JSON array.
OF_RUNS = "json_extract(CAST(metadata AS TEXT), '$.run_id') IN (SELECT value FROM json_each(?))"
DELETE_RUN_WRITES = f"""DELETE FROM writes WHERE (thread_id, checkpoint_ns, checkpoint_id) IN
(SELECT thread_id, checkpoint_ns, checkpoint_id FROM checkpoints WHERE {OF_RUNS})"""
DELETE_RUN_CHECKPOINTS = f"DELETE FROM checkpoints WHERE {OF_RUNS}"

DELTA_THREADS = """SELECT DISTINCT thread_id FROM checkpoints
WHERE thread_id IN (SELECT value FROM json_each(?))
AND json_extract(CAST(metadata AS TEXT), '$.counters_since_delta_snapshot') IS NOT NULL"""
OLDER = """thread_id IN (SELECT value FROM json_each(?)) AND checkpoint_id <
(SELECT max(latest.checkpoint_id) FROM checkpoints latest WHERE latest.thread_id = {0}.thread_id
AND latest.checkpoint_ns = {0}.checkpoint_ns)"""
DELETE_OLDER_WRITES = f"DELETE FROM writes WHERE {OLDER.format('writes')}"
DELETE_OLDER_CHECKPOINTS = f"DELETE FROM checkpoints WHERE {OLDER.format('checkpoints')}"
# A sub-graph call's namespace has its task id after a ":" and goes with the checkpoint it started from.
OLDER_CALLS = """thread_id IN (SELECT value FROM json_each(?)) AND checkpoint_ns LIKE '%:%'
AND json_extract(CAST(metadata AS TEXT), '$.parents.""') < (SELECT max(root.checkpoint_id)
FROM checkpoints root WHERE root.thread_id = checkpoints.thread_id AND root.checkpoint_ns = '')"""
DELETE_CALL_WRITES = f"""DELETE FROM writes WHERE (thread_id, checkpoint_ns) IN
(SELECT thread_id, checkpoint_ns FROM checkpoints WHERE {OLDER_CALLS})"""
DELETE_CALL_CHECKPOINTS = f"""DELETE FROM checkpoints WHERE (thread_id, checkpoint_ns) IN
(SELECT thread_id, checkpoint_ns FROM checkpoints WHERE {OLDER_CALLS})"""
CUT_PARENTS = """UPDATE checkpoints SET parent_checkpoint_id = NULL
WHERE thread_id IN (SELECT value FROM json_each(?))"""


class SqliteSaver(AsyncSqliteSaver):
    """`AsyncSqliteSaver` with what a rollback and a long history need."""

    async def setup(self) -> None:
        """Create the tables; waits while another process does the same."""
        if self.is_setup:
            return
        for attempt in range(SETUP_ATTEMPTS):
            try:
                await super().setup()
                await self._in_one_transaction((RUN_INDEX, ()))
            except aiosqlite.OperationalError as error:
                # Going over to WAL reports "locked" at once, whatever the busy timeout.
                if "locked" not in str(error) or attempt == SETUP_ATTEMPTS - 1:
                    raise
                await asyncio.sleep(SETUP_PAUSE_SECONDS)
            else:
                return

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Save a checkpoint; a run id given as UUID is kept as text."""
        if "run_id" in metadata:
            metadata = {**metadata, "run_id": str(metadata["run_id"])}
        return await super().aput(config, checkpoint, metadata, new_versions)

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Forget what these runs saved; their threads are then as they were before them."""
        runs = json.dumps([str(run_id) for run_id in run_ids])
        await self._in_one_transaction((DELETE_RUN_WRITES, (runs,)), (DELETE_RUN_CHECKPOINTS, (runs,)))

    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """Drop the history of threads, or all of them.

        Args:
            strategy: `keep_latest` (the newest checkpoint of each namespace stays) or
                `delete_all` (also `delete`).

        Raises:
            NotImplementedError: `keep_latest` on a thread with a `DeltaChannel`, whose state is its history.
            ValueError: There is no such strategy.
        """
        threads = json.dumps([str(thread_id) for thread_id in thread_ids])
        if strategy in ("delete", "delete_all"):
            where = "WHERE thread_id IN (SELECT value FROM json_each(?))"
            await self._in_one_transaction(
                (f"DELETE FROM writes {where}", (threads,)), (f"DELETE FROM checkpoints {where}", (threads,))
            )
        elif strategy == "keep_latest":
            await self._refuse_delta(threads)
            await self._in_one_transaction(
                (DELETE_OLDER_WRITES, (threads,)),
                (DELETE_OLDER_CHECKPOINTS, (threads,)),
                (DELETE_CALL_WRITES, (threads,)),
                (DELETE_CALL_CHECKPOINTS, (threads,)),
                (CUT_PARENTS, (threads,)),
            )
        else:
            msg = f"no strategy {strategy!r}; use keep_latest or delete_all"
            raise ValueError(msg)

    async def _refuse_delta(self, threads: str) -> None:
        await self.setup()
        async with self.lock, self.conn.execute(DELTA_THREADS, (threads,)) as cursor:
            found = sorted(row[0] for row in await cursor.fetchall())
        if found:
            msg = f"threads {', '.join(found)} keep their state as deltas; prune them with delete_all only"
            raise NotImplementedError(msg)

    async def _in_one_transaction(self, *statements: tuple[str, tuple[str, ...]]) -> None:
        await self.setup()
        async with self.lock:
            try:
                await self.conn.execute("BEGIN IMMEDIATE")
                for sql, values in statements:
                    await self.conn.execute(sql, values)
            except BaseException:
                await self.conn.rollback()
                raise
            await self.conn.commit()


@asynccontextmanager
async def sqlite_saver(path: str, serde: SerializerProtocol) -> AsyncIterator[SqliteSaver]:
    """Open the saver of one file, or of `:memory:`."""
    async with aiosqlite.connect(path, timeout=BUSY_SECONDS) as connection:
        saver = SqliteSaver(connection, serde=serde)
        await saver.setup()
        yield saver
