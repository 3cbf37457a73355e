"""End state: assertions about a database before and after, judged by SQL on the file."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evals.datasets import Assertion

Record = Mapping[str, Any]
_COMPARED = {"ne": "<>", "gt": ">", "like": "LIKE"}


@dataclass(frozen=True)
class Before:
    """What a database held before anything ran.

    Attributes:
        tables: Table → its rows, by primary key.
    """

    tables: Mapping[str, Mapping[str, Record]]

    @classmethod
    def of(cls, database: Path, tables: Sequence[str]) -> Before:
        """Read the tables as they are now."""
        return cls({table: _rows(database, table) for table in tables})


@dataclass(frozen=True)
class EndState:
    """A database after a run, beside what it held before."""

    database: Path
    before: Before

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
        conditions, values = ["1 = 1"], []
        for name, wanted in assertion.where.items():
            condition, given = _condition(name, wanted)
            conditions.append(condition)
            values += given
        query = f"SELECT * FROM {assertion.table} WHERE {' AND '.join(conditions)}"
        rows = _query(self.database, query, values)
        known = self.before.tables.get(assertion.table, {})
        return [row for row in rows if not assertion.new or next(iter(row.values())) not in known]

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
        def own(rows: Mapping[str, Record]) -> dict[str, Record]:
            return {key: row for key, row in rows.items() if owner is None or row[column] == owner}

        return own(self.before.tables[table]) != own(_rows(self.database, table))


def _condition(name: str, wanted: Any) -> tuple[str, list[Any]]:
    if isinstance(wanted, dict):
        ((how, value),) = wanted.items()
        return f"{name} {_COMPARED[how]} ?", [value]
    if isinstance(wanted, list):
        return f"{name} IN ({', '.join('?' * len(wanted))})", wanted
    return (f"{name} IS NULL", []) if wanted is None else (f"{name} = ?", [wanted])


def _rows(database: Path, table: str) -> dict[str, Record]:
    return {str(next(iter(row.values()))): row for row in _query(database, f"SELECT * FROM {table}", ())}


def _query(database: Path, query: str, values: Sequence[Any]) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(database)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(query, values)]
