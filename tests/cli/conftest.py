"""The `tower` command in processes of its own, on real databases."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from evals.expectations import Expectation, read_manifest
from tests.campaigns import ground
from tests.forking import Forked, Forker

ROOT = Path(__file__).parent.parent.parent
INBOX = ROOT / "examples" / "inbox"


@dataclass
class Tower:
    """A home, and the command run in it."""

    home: Path
    forker: Forker
    env: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {"TOWER_HOME": str(self.home)} | self.env

    def __call__(self, *args: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
        process = self.forker.start(args, self.environment, cwd)
        said, errors = process.communicate()
        return subprocess.CompletedProcess(args, process.poll() or 0, said, errors)

    def json(self, *args: str) -> Any:
        done = self(*args, "--json")
        assert done.stdout, done.stderr
        return json.loads(done.stdout)

    def begin(self, *args: str) -> tuple[Forked, str]:
        """Start `tower run … --json` and wait for the run's id."""
        process = self.forker.start(["run", *args, "--json"], self.environment, ROOT)
        line = process.stderr.readline()
        if not line.startswith("run "):
            pytest.fail(line + process.communicate()[1])
        return process, line.split()[1]

    def entries(self, run: str, kind: str | None = None) -> int:
        """How many audit entries a run has, read past the control plane."""
        return self.count("SELECT count(*) FROM audit WHERE run = ? AND kind LIKE ?", run, kind or "%")

    def count(self, sql: str, *params: str, store: str = "control") -> int:
        return int(self.sql(sql, *params, store=store)[0][0])

    def sql(self, sql: str, *params: str, store: str) -> list[tuple[Any, ...]]:
        """Rows of one of the databases, read past Tower; one PostgreSQL database holds all stores."""
        url = self.env.get("TOWER_DATABASE_URL")
        if url:
            with psycopg.connect(url) as server:
                found = server.execute(sql.replace("%", "%%").replace("?", "%s"), params)  # type: ignore[arg-type]
                return found.fetchall() if found.description else []
        db = sqlite3.connect(self.home / f"{store}.db", timeout=10)
        try:
            with db:
                return db.execute(sql, params).fetchall()
        finally:
            db.close()

    def kill_after(self, process: Forked, run: str, entries: int) -> bool:
        """End the process the hard way once the run has so many audit entries; False if it ended first."""
        while process.poll() is None:
            if self.entries(run) >= entries:
                process.send_signal(signal.SIGKILL)
                process.communicate()
                return True
            time.sleep(0.001)
        process.communicate()
        return False


def arguments(expected: Expectation) -> Sequence[str]:
    """How the post room would hand a document of the manifest in."""
    vouched = ["--customer", expected.customer, "--vouched", expected.vouched] if expected.customer else []
    return [str(INBOX / expected.file), *vouched]


@pytest.fixture(scope="session")
def manifest() -> list[Expectation]:
    return read_manifest(INBOX / "manifest.toml")


@pytest.fixture(scope="session")
def small_claim(manifest: list[Expectation]) -> Expectation:
    """A claim that is paid without a person."""
    return next(e for e in manifest if e.world.get("payments") and not e.approvals)


@pytest.fixture(scope="session")
def large_claim(manifest: list[Expectation]) -> Expectation:
    """A claim that is paid after a person said yes."""
    return next(e for e in manifest if e.world.get("payments") and e.approvals)


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory, forker: Forker) -> Path:
    """A home whose records, index and keys are ready, to be copied."""
    home = tmp_path_factory.mktemp("prepared") / "home"
    done = Tower(home, forker)("doctor")
    assert done.returncode == 0, done.stdout + done.stderr
    return home


@pytest.fixture
def tower(prepared_copy: Tower) -> Tower:
    return prepared_copy


@pytest.fixture
def prepared_copy(prepared: Path, tmp_path: Path, forker: Forker) -> Tower:
    home = tmp_path / "home"
    shutil.copytree(prepared, home)
    return Tower(home, forker)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a real PostgreSQL server with a database `prepared`, whose records and keys are ready."""
    with ground.postgres(tmp_path_factory.mktemp("pg")) as server:
        with psycopg.connect(server.url, autocommit=True) as db:
            db.execute("CREATE DATABASE prepared")
        yield server.url


@pytest.fixture
def on_postgres(postgres: str, prepared: Path, tmp_path: Path, forker: Forker) -> Tower:
    """The same, with every store in a database of its own on a PostgreSQL server."""
    home = tmp_path / "home"
    shutil.copytree(prepared, home, ignore=shutil.ignore_patterns("*.db*"))
    name = f"t{uuid4().hex[:12]}"
    base, _, query = postgres.partition("?")
    url = f"{base.rsplit('/', 1)[0]}/{{}}" + (f"?{query}" if query else "")
    tower = Tower(home, forker, {"TOWER_DATABASE_URL": url.format("prepared")})
    if not tower.sql("SELECT 1 FROM pg_tables WHERE tablename = 'desk_claims'", store="desk"):
        assert tower("doctor").returncode == 0
    with psycopg.connect(postgres, autocommit=True) as db:
        db.execute(f"CREATE DATABASE {name} TEMPLATE prepared")  # type: ignore[arg-type]
    tower.env = {"TOWER_DATABASE_URL": url.format(name)}
    return tower
