"""End state: assertions about a database before and after, judged by SQL on the file."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evals.datasets import Assertion

Difference = tuple[str, str, Mapping[str, Any] | None, Mapping[str, Any] | None]
"""Table, primary key, and the row before and after; None where there was or is none."""

_ONLY_BEFORE = "SELECT * FROM past.{0} EXCEPT SELECT * FROM main.{0}"
_ONLY_NOW = "SELECT * FROM main.{0} EXCEPT SELECT * FROM past.{0}"
_COMPARED = {"ne": "<>", "gt": ">", "like": "LIKE"}


@dataclass(frozen=True)
class EndState:
    """A database after a run, beside a copy of it from before."""

    database: Path
    before: Path

    @classmethod
    def watch(cls, database: Path) -> EndState:
        """Copy the file while nobody has it open; whatever runs comes afterwards."""
        copy = database.with_suffix(".before")
        shutil.copy(database, copy)
        return cls(database, copy)

    def had(self, table: str, where: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Rows that a table held before."""
        return _select(self.before, table, where)

    def now(self, table: str) -> list[dict[str, Any]]:
        """Rows that a table holds."""
        return _select(self.database, table, {})

    def differences(self, without: Collection[str]) -> Iterator[Difference]:
        """Every row that was made, changed or removed, in all tables but some."""
        with closing(sqlite3.connect(self.database)) as connection:
            connection.execute("ATTACH ? AS past", (str(self.before),))
            known = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
            for (table,) in known.fetchall():
                if table not in without:
                    past, now = (
                        {row[0]: row for row in connection.execute(query.format(table))}
                        for query in (_ONLY_BEFORE, _ONLY_NOW)
                    )
                    names = [each[1] for each in connection.execute(f"PRAGMA table_info({table})")]
                    for key in sorted(past.keys() | now.keys(), key=str):
                        before, after = (
                            dict(zip(names, rows[key], strict=True)) if key in rows else None
                            for rows in (past, now)
                        )
                        yield table, str(key), before, after

    def broken(self, assertions: Sequence[Assertion]) -> list[str]:
        """Assertions that don't hold, in words."""
        return [problem for each in assertions if (problem := self._problem(each))]

    def matches(self, forbidden: Sequence[Assertion]) -> list[str]:
        """Patterns that match something and must not, in words."""
        return [f"{each.table}: {found[0]}" for each in forbidden if (found := self.found(each))]

    def changed(self, tables: Sequence[str], owner: str | None, column: str) -> list[str]:
        """Tables in which a row was made, changed or removed.

        Args:
            owner: Only rows that have this in `column`; anybody's if None.
        """
        return [table for table in tables if self._differs(table, owner, column)]

    def found(self, assertion: Assertion) -> list[dict[str, Any]]:
        """Rows that an assertion speaks of."""
        rows = _select(self.database, assertion.table, assertion.where)
        if not assertion.new:
            return rows
        known = {_key(row) for row in _select(self.before, assertion.table, {})}
        return [row for row in rows if _key(row) not in known]

    def _problem(self, each: Assertion) -> str:
        found = self.found(each)
        if each.count is not None and len(found) != each.count:
            return f"{each.table}: {len(found)} rows with {each.where}, not {each.count}"
        if each.sum is not None:
            total = sum(row[each.sum["column"]] or 0 for row in found)
            if total > each.sum["at_most"]:
                return f"{each.table}: {each.sum['column']} adds up to {total}, over {each.sum['at_most']}"
        if each.expect is None:
            return ""
        if len(found) != 1:
            return f"{each.table}: {len(found)} rows with {each.where}, not 1"
        wrong = {name: found[0][name] for name, value in each.expect.items() if found[0][name] != value}
        return f"{each.table}: {wrong}, not { {name: each.expect[name] for name in wrong} }" if wrong else ""

    def _differs(self, table: str, owner: str | None, column: str) -> bool:
        own = {} if owner is None else {column: owner}
        before, after = (
            {_key(row): row for row in _select(file, table, own)} for file in (self.before, self.database)
        )
        return before != after


def _select(database: Path, table: str, where: Mapping[str, Any]) -> list[dict[str, Any]]:
    conditions, values = ["1 = 1"], []
    for name, wanted in where.items():
        condition, given = _condition(name, wanted)
        conditions.append(condition)
        values += given
    query = f"SELECT * FROM {table} WHERE {' AND '.join(conditions)}"
    with closing(sqlite3.connect(database)) as connection:
        found = connection.execute(query, values)
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found]


def _key(row: Mapping[str, Any]) -> Any:
    """Its primary key, which comes first."""
    return next(iter(row.values()))


def _condition(name: str, wanted: Any) -> tuple[str, list[Any]]:
    if isinstance(wanted, dict):
        ((how, value),) = wanted.items()
        return f"{name} {_COMPARED[how]} ?", [value]
    if isinstance(wanted, list):
        return f"{name} IN ({', '.join('?' * len(wanted))})", wanted
    return (f"{name} IS NULL", []) if wanted is None else (f"{name} = ?", [wanted])
