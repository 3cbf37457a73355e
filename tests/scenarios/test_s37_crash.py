"""Scenario 37: killed at random moments and at each seam, no run is lost and nothing is done or paid twice.

A short form of `make crash` and `make chaos`, in processes of their own, since this one has threads.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.forking import ALONE

ROOT = Path(__file__).resolve().parent.parent.parent
CRASH = ("crash.py", "--kills", "1", "--short")
WITHOUT_MEMORY = """
import sys
sys.path[:0] = [".", "scripts"]
from tests.matrix import switches
class Patch:
    setattr = staticmethod(setattr)
switches.crash(Patch)
import crash
sys.exit(crash.main())
"""


def campaign(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env={**os.environ, **ALONE},
        capture_output=True,
        text=True,
        check=False,
    )


def script(name: str, *options: str) -> subprocess.CompletedProcess[str]:
    return campaign(f"scripts/{name}", *options)


@pytest.mark.scenario(37)
@pytest.mark.parametrize("backend", ["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
def test_every_pattern_survives_kill_9(backend: str):
    """Each pattern is killed on one of the two databases, half of them with late checkpoints."""
    patterns = {
        "sqlite": ("direct", "single", "concurrent", "handoff", "magentic"),
        "postgres": ("sequential", "group_chat", "supervisor", "adaptive"),
    }[backend]
    done = script(*CRASH, "--backends", backend, "--only", *patterns)

    assert done.returncode == 0, done.stdout + done.stderr
    assert all(f"{pattern}/{backend}/" in done.stdout for pattern in patterns)
    assert " 0 kills" not in done.stdout


@pytest.mark.slow
@pytest.mark.scenario(37)
def test_the_campaign_notices_a_journal_that_forgets():
    done = campaign(
        "-c", WITHOUT_MEMORY, "--kills", "40", "--short", "--backends", "sqlite", "--only", "single"
    )

    assert done.returncode == 1
    # The provider's bill says the one, the budget the other: which one depends on the moment of the kill.
    assert "paid again" in done.stdout or "model calls in the budget" in done.stdout, done.stdout


@pytest.mark.parametrize("backend", ["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
def test_many_processes_want_one_budget_one_approval_and_one_log(backend: str):
    done = script("chaos.py", "--parts", "contention", "--backends", backend)

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(" 0 findings") == 3


@pytest.mark.slow
def test_a_full_disk_and_a_model_that_misbehaves_leave_nothing_half_done():
    options = ("--stops", "1", "--runs", "3", "--backends", "sqlite", "--only", "single", "concurrent")
    done = script("chaos.py", "--parts", "disk", "models", *options)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "6 runs, 100.0 % as they must be" in done.stdout
