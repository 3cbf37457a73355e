"""Cache: rows by the content of all that they depend on, so that what was judged once isn't run again."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from evals.rows import Row
from evals.suites import Item
from governance.canonical import digest

_TABLE = "CREATE TABLE IF NOT EXISTS rows (key TEXT PRIMARY KEY, row TEXT NOT NULL)"
_ROW = TypeAdapter(Row)


class Cache:
    """Rows on disk; each is written when it is there, so that a run that was killed goes on from it.

    Args:
        path: The SQLite file.
        depends: What all rows of this run depend on: code, model, graph.
        reads: Whether rows of earlier runs count.
    """

    def __init__(self, path: Path, depends: Mapping[str, str], *, reads: bool = True) -> None:
        self._path = path
        self._depends = dict(depends)
        self._reads = reads
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(self._open()) as connection, connection:
            connection.execute(_TABLE)

    def get(self, item: Item, repetition: int) -> Row | None:
        """The row of a case, if it was judged before under exactly these circumstances."""
        if not self._reads:
            return None
        with closing(self._open()) as connection:
            found = connection.execute(
                "SELECT row FROM rows WHERE key = ?", (self._key(item, repetition),)
            ).fetchone()
        return _ROW.validate_json(found[0]) if found else None

    def put(self, item: Item, row: Row) -> None:
        """Keep a row."""
        text = json.dumps(asdict(row), ensure_ascii=False)
        with closing(self._open()) as connection, connection:
            connection.execute(
                "INSERT OR REPLACE INTO rows VALUES (?, ?)", (self._key(item, row.repetition), text)
            )

    def _key(self, item: Item, repetition: int) -> str:
        content: Any = item.asked
        # As text: canonical JSON refuses what some cases hold, such as integers beyond 2^53.
        said = json.dumps([item.suite, item.id, item.split, repetition, content], sort_keys=True)
        return digest({**self._depends, "case": said})

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=30)
