"""Schema: the control database is brought to what this release needs, or it is said why that can't be."""

from __future__ import annotations

import sqlite3
import zlib
from functools import cache

from governance.connections import DATABASE_ERRORS, Connection, SqliteConnection, connect
from governance.schema_sql import HEAD, POSTGRES_GUARDS, POSTGRES_WORDS, SQLITE_GUARDS, SQLITE_WORDS, TABLES

FINGERPRINT = zlib.crc32("\n".join((*TABLES, HEAD, *SQLITE_GUARDS, *POSTGRES_GUARDS)).encode())
"""Of all statements here; a database that carries it needs nothing."""

Columns = dict[str, tuple[str, bool]]
"""Name → type, and whether a row must be given a value for it."""


def open_database(url: str) -> Connection:
    """Connect to a database that has the schema of this release.

    Raises:
        ValueError: The URL is of neither kind, or another release wrote the database and it can't fit.
    """
    db = connect(url)
    try:
        _create_schema(db)
    except BaseException:
        db.close()
        raise
    return db


def _create_schema(db: Connection) -> None:
    """Create what is missing; safe when several processes open the database at once."""
    if _known(db):
        return
    lite = isinstance(db, SqliteConnection)
    words = SQLITE_WORDS if lite else POSTGRES_WORDS
    db.begin()
    try:
        indexes = [statement for statement in TABLES if "CREATE INDEX" in statement]
        for table in [statement for statement in TABLES if statement not in indexes]:
            db.execute(table.format_map(words))
        for name, wanted in _wanted().items():
            _fit(db, name, wanted, _there(db, name, lite=lite))
        for statement in (*indexes, HEAD, *(SQLITE_GUARDS if lite else POSTGRES_GUARDS)):
            db.execute(statement)
        db.execute("DELETE FROM schema_fingerprint")
        db.execute("INSERT INTO schema_fingerprint VALUES (?)", (FINGERPRINT,))
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def _known(db: Connection) -> bool:
    try:
        return db.execute("SELECT value FROM schema_fingerprint") == [(FINGERPRINT,)]
    except DATABASE_ERRORS:
        return False  # no such table yet; a database that is away says so again


@cache
def _wanted() -> dict[str, Columns]:
    """What this release's statements make of an empty database."""
    db = sqlite3.connect(":memory:")
    for statement in TABLES:
        db.execute(statement.format_map(SQLITE_WORDS))
    names = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    found = {name: _columns(db.execute(_ON_SQLITE, (name,)).fetchall()) for name in names}
    db.close()
    return found


_ON_SQLITE = 'SELECT name, type, "notnull" AND dflt_value IS NULL FROM pragma_table_info(?)'
_ON_POSTGRES = (
    "SELECT column_name, data_type, is_nullable = 'NO' AND column_default IS NULL"
    " FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = ?"
)


def _there(db: Connection, table: str, *, lite: bool) -> Columns:
    return _columns(db.execute(_ON_SQLITE if lite else _ON_POSTGRES, (table,)))


def _columns(rows: list[tuple[str, str, int]]) -> Columns:
    return {name: (kind, bool(needed)) for name, kind, needed in rows}


def _fit(db: Connection, table: str, wanted: Columns, there: Columns) -> None:
    """Add the columns that may be empty; what must have a value can't be made up."""
    for name, (kind, needed) in wanted.items():
        if name not in there:
            if needed:
                raise ValueError(_misfit(table, name, "an older", "has no"))
            db.execute(f"ALTER TABLE {table} ADD COLUMN {name} {kind.replace('INTEGER', 'BIGINT')}")
    for name, (_, needed) in there.items():
        if needed and name not in wanted:
            raise ValueError(_misfit(table, name, "another", "needs a"))


def _misfit(table: str, column: str, release: str, how: str) -> str:
    return (
        f"its table {table} {how} column {column}: {release} release of Tower wrote it, and nothing was "
        f"changed. Go on with that release, or begin a new home beside it: TOWER_HOME=.tower-new tower doctor"
    )
