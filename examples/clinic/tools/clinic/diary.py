"""The diary: who comes when, in a database that only the tools write."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from governance.settings import Settings

T = TypeVar("T")
_TABLES = """
CREATE TABLE IF NOT EXISTS patients (
    tenant TEXT, patient_id TEXT, name TEXT, email TEXT, PRIMARY KEY (tenant, patient_id));
CREATE TABLE IF NOT EXISTS appointments (
    tenant TEXT, appointment_id TEXT, patient_id TEXT, kind TEXT, day TEXT, start TEXT, state TEXT,
    key TEXT UNIQUE, PRIMARY KEY (tenant, appointment_id));
INSERT OR IGNORE INTO patients VALUES
    ('riverside', 'P-001', 'Ines Moreau', 'ines.moreau@example.org'),
    ('riverside', 'P-002', 'Tomas Lind', 'tomas.lind@example.org');
INSERT OR IGNORE INTO appointments VALUES
    ('riverside', 'A-1001', 'P-001', 'check_up', '2026-12-10', '09:00', 'booked', NULL),
    ('riverside', 'A-1002', 'P-002', 'check_up', '2026-12-10', '10:00', 'booked', NULL);
"""


class Diary:
    """Patients and appointments of every tenant; safe from any event loop, thread or process."""

    @classmethod
    def current(cls) -> Diary:
        """This deployment's diary; the gateway gives it to tools that ask for one."""
        return cls(Settings.from_env().home / "clinic.db")

    def __init__(self, path: Path) -> None:
        self._path = path

    async def ensure(self) -> None:
        """Make the tables and the example's patients, unless they are there."""
        await self.run(lambda db: db.executescript(_TABLES))

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do some work in one transaction, off the event loop."""
        return await asyncio.to_thread(self._run, work)

    def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with closing(sqlite3.connect(self._path, timeout=10, isolation_level=None)) as db, db:
            db.row_factory = sqlite3.Row
            db.execute("BEGIN IMMEDIATE")
            return work(db)
