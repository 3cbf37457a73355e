"""The `tower` command in processes of its own, on real databases."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from evals.expectations import Expectation, read_manifest
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
        db = sqlite3.connect(self.home / f"{store}.db", timeout=10)
        try:
            return int(db.execute(sql, params).fetchone()[0])
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
def tower(prepared: Path, tmp_path: Path, forker: Forker) -> Tower:
    home = tmp_path / "home"
    shutil.copytree(prepared, home)
    return Tower(home, forker)
