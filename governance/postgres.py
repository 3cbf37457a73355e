"""Postgres: one connection to a PostgreSQL server, with the face of the file's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import psycopg
from psycopg.types.numeric import Int8Dumper

Row = tuple[Any, ...]

# Any number that no other program on the server locks; the letters of "tower".
_ONE_WRITER = 0x746F776572


class PostgresConnection:
    """One connection to a PostgreSQL server."""

    head: tuple[int, str] | None = None
    read_only = False

    def __init__(self, url: str) -> None:
        with _said():
            self._db: psycopg.Connection[Row] = psycopg.connect(
                url, autocommit=True, prepare_threshold=2, connect_timeout=10
            )
        # One width for all integers: otherwise each size of a number prepares a statement of its own.
        self._db.adapters.register_dumper(int, Int8Dumper)
        self._cursor = psycopg.RawCursor(self._db)

    def execute(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        """Run one statement."""
        with _said():
            self._cursor.execute(numbered(sql), params or None)
            return self._cursor.fetchall() if self._cursor.description else []

    def begin(self, *, synced: bool = True) -> None:
        """Begin behind an advisory lock: one writer at a time, as on SQLite; commits are always synced."""
        del synced
        self.head = None
        with _said():
            self._db.execute(f"BEGIN; SELECT pg_advisory_xact_lock({_ONE_WRITER})")

    def sync(self) -> None:
        """Every commit was synced by the server."""

    def begin_reading(self) -> None:
        """Read a snapshot beside the writer."""
        with _said():
            self._db.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")

    def close(self) -> None:
        """Close the connection."""
        self._db.close()


@contextmanager
def _said() -> Iterator[None]:
    """Raise what the driver raises as an `OSError`, so that nobody has to load it to catch that."""
    try:
        yield
    except psycopg.Error as error:
        raise ConnectionError(str(error)) from error


@lru_cache(maxsize=512)
def numbered(sql: str) -> str:
    """Turn `?` placeholders into PostgreSQL's `$1`, `$2`, …; our SQL has no `?` in its texts."""
    first, *rest = sql.split("?")
    return first + "".join(f"${n}{part}" for n, part in enumerate(rest, 1))
