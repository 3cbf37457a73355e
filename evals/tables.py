"""Tables: the rows of all experiments in one SQLite database, for queries over them."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evals.rows import Experiment, Row

_TABLES = """
CREATE TABLE IF NOT EXISTS experiments (
    id TEXT PRIMARY KEY, created TEXT NOT NULL, git_sha TEXT NOT NULL, model TEXT NOT NULL,
    policy TEXT NOT NULL, meta TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS rows (
    experiment TEXT NOT NULL, suite TEXT NOT NULL, layer TEXT NOT NULL, "case" TEXT NOT NULL,
    split TEXT NOT NULL, repetition INTEGER NOT NULL, run TEXT NOT NULL, seconds REAL NOT NULL,
    tokens INTEGER NOT NULL, micros INTEGER NOT NULL, error TEXT NOT NULL, row TEXT NOT NULL,
    PRIMARY KEY (experiment, suite, "case", repetition));
CREATE TABLE IF NOT EXISTS scores (
    experiment TEXT NOT NULL, suite TEXT NOT NULL, "case" TEXT NOT NULL, repetition INTEGER NOT NULL,
    metric TEXT NOT NULL, value REAL NOT NULL,
    PRIMARY KEY (experiment, suite, "case", repetition, metric));
"""


def record(experiment: Experiment, meta: str, lines: Sequence[str], database: Path) -> None:
    """Write an experiment, instead of one of its id.

    Args:
        meta: Everything but its rows, as JSON.
        lines: Its rows, as JSON.
    """
    e = experiment
    with closing(sqlite3.connect(database, timeout=30)) as connection, connection:
        connection.executescript(_TABLES)
        for table, column in (("experiments", "id"), ("rows", "experiment"), ("scores", "experiment")):
            connection.execute(f"DELETE FROM {table} WHERE {column} = ?", (e.id,))
        connection.execute(
            "INSERT INTO experiments VALUES (?, ?, ?, ?, ?, ?)",
            (e.id, e.created, e.git_sha, e.model, e.policy, meta),
        )
        connection.executemany(
            "INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [(e.id, *_columns(row), line) for row, line in zip(e.rows, lines, strict=True)],
        )
        connection.executemany(
            "INSERT INTO scores VALUES (?, ?, ?, ?, ?, ?)",
            [
                (e.id, r.suite, r.case, r.repetition, name, value)
                for r in e.rows
                for name, value in r.scores.items()
            ],
        )


def _columns(row: Row) -> tuple[str | int | float, ...]:
    place = (row.suite, row.layer, row.case, row.split, row.repetition)
    return (*place, row.run, row.seconds, row.tokens, row.micros, row.error)
