"""The `tower` command in processes of its own, on real databases."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from evals.expectations import Expectation, read_manifest

ROOT = Path(__file__).parent.parent.parent
INBOX = ROOT / "examples" / "inbox"


@dataclass
class Tower:
    """A home, and the command run in it."""

    home: Path
    env: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {"TOWER_HOME": str(self.home), "PYTHONPATH": str(ROOT)} | self.env

    def __call__(self, *args: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "cli.main", *args]
        return subprocess.run(
            command, env=self.environment, cwd=cwd, capture_output=True, text=True, check=False, timeout=120
        )

    def json(self, *args: str) -> Any:
        done = self(*args, "--json")
        assert done.stdout, done.stderr
        return json.loads(done.stdout)

    def begin(self, *args: str) -> tuple[subprocess.Popen[str], str]:
        """Start `tower run … --json` and wait for the run's id."""
        command = [sys.executable, "-m", "cli.main", "run", *args, "--json"]
        process = subprocess.Popen(
            command, env=self.environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert process.stderr
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

    def kill_after(self, process: subprocess.Popen[str], run: str, entries: int) -> bool:
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
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose records, index and keys are ready, to be copied."""
    home = tmp_path_factory.mktemp("prepared") / "home"
    done = Tower(home)("doctor")
    assert done.returncode == 0, done.stdout + done.stderr
    return home


@pytest.fixture
def tower(prepared: Path, tmp_path: Path) -> Iterator[Tower]:
    home = tmp_path / "home"
    shutil.copytree(prepared, home)
    return Tower(home)
