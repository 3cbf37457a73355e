"""Checkpoints: one function that opens the checkpointer of a URL, for the CLI, the tests and the server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from governance.connections import private_file
from governance.errors import InvalidInput
from governance.settings import Settings
from memory.sqlite_saver import sqlite_saver


@asynccontextmanager
async def open_checkpointer(url: str) -> AsyncIterator[BaseCheckpointSaver[Any]]:
    """Open the checkpointer of a URL and bring its tables up to date; several processes may do so at once.

    The saver belongs to the event loop that opens it. Nothing but plain values and messages is
    read back as objects: any other type in a checkpoint comes back as the data it was made of.

    Args:
        url: `memory:`, `sqlite:///relative.db`, `sqlite:////absolute.db` or `postgresql://…`.

    Raises:
        InvalidInput: The URL is of another kind.
    """
    # None allows the safe types only, whatever LANGGRAPH_STRICT_MSGPACK says.
    serde = JsonPlusSerializer(allowed_msgpack_modules=None)
    if url == "memory:":
        async with sqlite_saver(":memory:", serde) as saver:
            yield saver
    elif url.startswith("sqlite:///"):
        path = Path(url.removeprefix("sqlite:///"))
        await asyncio.to_thread(private_file, path)
        async with sqlite_saver(str(path), serde) as saver:
            yield saver
    elif url.startswith(("postgresql://", "postgresql+psycopg://", "postgres://")):
        # A server's driver takes a while to load, and most commands have a file.
        from memory.postgres_saver import postgres_saver  # noqa: PLC0415

        async with postgres_saver(url.replace("postgresql+psycopg://", "postgresql://"), serde) as saver:
            yield saver
    else:
        scheme, _, _ = url.partition(":")
        msg = f"no checkpointer for {scheme}:…; use memory:, sqlite:///path or postgresql://…"
        raise InvalidInput(msg)


@asynccontextmanager
async def server_checkpointer() -> AsyncIterator[BaseCheckpointSaver[Any]]:
    """The checkpointer of `langgraph dev`, which opens one for each of its event loops."""
    settings = await asyncio.to_thread(Settings.from_env)
    async with open_checkpointer(settings.url("checkpoints")) as saver:
        yield saver
