"""Connections to the control database: SQLite by file, PostgreSQL by URL, one face."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from governance.errors import ControlUnavailable

Row = tuple[Any, ...]

DATABASE_ERRORS = (sqlite3.Error, OSError)
"""What a database says of itself; a server's driver says it as an `OSError`, too."""
BUSY_SECONDS = 30
FULL = ("disk is full", "disk I/O error", "No space left")
"""How a full disk shows: SQLite's log can't be mapped, or a write falls short."""


class ReadOnly(ControlUnavailable):
    """The database lies where nothing can be written."""


class Connection(Protocol):
    """What the store needs of a database.

    Attributes:
        head: Number and hash of the log's last entry, as far as the open transaction knows it.
        read_only: It lies where nothing can be written, such as an auditor's copy.
    """

    head: tuple[int, str] | None
    read_only: bool

    def execute(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        """Run one statement with `?` placeholders; rows it returns, if any."""

    def begin(self, *, synced: bool = True) -> None:
        """Start a transaction as the only writer of the whole database.

        Args:
            synced: Its commit outlasts a power cut. Without, it outlasts the process, and the next
                synced commit, or `sync`, makes it last.

        Raises:
            ReadOnly: Nothing can be written.
        """

    def sync(self) -> None:
        """Make all that was committed outlast a power cut."""

    def begin_reading(self) -> None:
        """Start a transaction that sees one moment of the database and holds up nobody."""

    def close(self) -> None:
        """Let go of the database."""


class SqliteConnection:
    """One connection to an SQLite file in WAL mode."""

    head: tuple[int, str] | None = None

    def __init__(self, path: Path) -> None:
        private_file(path)
        self.read_only = not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK))
        self._path = path
        self._db = _to_read(path) if self.read_only else _open(path.resolve().as_uri())
        mode = () if self.read_only else ("journal_mode=WAL",)
        pragmas = (*mode, "foreign_keys=ON", "cache_size=-8000", "wal_autocheckpoint=4000")
        try:
            for pragma in pragmas:
                self._db.execute(f"PRAGMA {pragma}")
        except sqlite3.Error:
            self._db.close()
            raise
        self._synced: bool | None = None

    def execute(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        """Run one statement."""
        return self._db.execute(sql, params).fetchall()

    def begin(self, *, synced: bool = True) -> None:
        """Take the file's write lock at once, so that nothing read before is stale."""
        if self.read_only:
            msg = (
                f"{self._path} can't be written, and this would have to; "
                f"set TOWER_HOME to a copy of its folder that you may write to"
            )
            raise ReadOnly(msg)
        self.head = None
        if synced != self._synced:
            self._db.execute(f"PRAGMA synchronous={'FULL' if synced else 'NORMAL'}")
            self._synced = synced
        self._db.execute("BEGIN IMMEDIATE")

    def sync(self) -> None:
        """Sync the log that commits are appended to; what has left it was synced by SQLite."""
        descriptor = os.open(f"{self._path}-wal", os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def begin_reading(self) -> None:
        """Read a snapshot beside the writer."""
        self._db.execute("BEGIN")

    def close(self) -> None:
        """Close the file."""
        self._db.close()


def _open(uri: str) -> sqlite3.Connection:
    return sqlite3.connect(
        uri,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
        uri=True,
    )


def _to_read(path: Path) -> sqlite3.Connection:
    """Open a file where nothing can be written, with all that was committed to it.

    Raises:
        ReadOnly: Some of it stands in a log that can't be read there.
    """
    uri = f"{path.resolve().as_uri()}?mode=ro"
    db = _open(uri)
    try:
        db.execute("SELECT 1 FROM sqlite_master")
    except sqlite3.OperationalError as error:
        db.close()
        log = Path(f"{path}-wal")
        if log.exists() and log.stat().st_size:
            msg = f"{log} holds entries that can't be read ({error}); copy its folder to where you may write"
            raise ReadOnly(msg) from error
        # Without a log nobody is at it, and SQLite needs no shared memory beside it.
        return _open(f"{uri}&immutable=1")
    return db


def connect(url: str) -> Connection:
    """Connect to `sqlite:///path` or `postgresql://…`.

    Raises:
        ValueError: Neither of the two.
    """
    scheme, _, rest = url.partition("://")
    if scheme == "sqlite":
        return SqliteConnection(Path(rest.removeprefix("/")))
    if scheme.split("+")[0] in {"postgresql", "postgres"}:
        # Its driver takes a while to load, and most commands have a file.
        from governance.postgres import PostgresConnection  # noqa: PLC0415

        return PostgresConnection(f"postgresql://{rest}")
    msg = f"control database URL starts with {scheme!r}; use sqlite:/// or postgresql://"
    raise ValueError(msg)


def private_folder(path: Path) -> None:
    """Create a folder that only its owner can enter."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)


def private_file(path: Path) -> None:
    """Create a database's file that only its owner can read; SQLite gives its logs the same rights."""
    private_folder(path.parent)
    # Only where there is none yet: closing any descriptor of a file drops this process's POSIX
    # locks on it, and the next process to leave would then delete the log that we write to.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
