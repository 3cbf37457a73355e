"""Processes side by side on one SQLite file: whoever leaves first takes nothing away from the other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from governance.settings import Settings
from governance.store import ControlStore

VISIT = """import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
print(db.execute(sys.argv[2]).fetchone()[0])
db.close()"""


def visit(path: Path, sql: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", VISIT, str(path), sql], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_what_is_committed_after_another_process_left_is_there_for_a_third(tower_home: Path) -> None:
    store = ControlStore(Settings.from_env().url("control"))
    sql = "INSERT INTO delegations VALUES ('t', ?, '[]', 'b', '2030')"
    try:
        store.transact_sync(lambda tx: tx.execute(sql, ("a",)))
        # A reader's connection is opened in the same process while the writer's is open.
        store.read_sync(lambda tx: tx.all("SELECT 1"))
        path = tower_home / "control.db"
        assert visit(path, "SELECT count(*) FROM delegations") == "1"

        store.transact_sync(lambda tx: tx.execute(sql, ("c",)))

        assert visit(path, "SELECT count(*) FROM delegations") == "2"
    finally:
        store.close()
