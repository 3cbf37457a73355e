"""The desk can be deleted: what is left, with another small domain in its place, is a working template."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
CONTROL_TESTS = ("tests/scenarios", "tests/governance/test_control.py")
LEFT_OUT = (".*", "__pycache__", "*.egg-info", "build", "dist", "docs", "examples")


def test_without_the_desk_the_control_tests_pass_on_another_domain(tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*LEFT_OUT))
    gone = sorted(path for path in copy.rglob("desk") if path.is_dir())
    for folder in gone:
        shutil.rmtree(folder)
    assert len(gone) >= 7, "the desk lies in folders of its own, all over the tree"

    ran = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "no:cacheprovider",
            "tests/scenarios",
            "tests/governance/test_control.py",
        ],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy)},
        capture_output=True,
        text=True,
        timeout=230,
        check=False,
    )

    assert ran.returncode == 0, ran.stdout[-4000:]
    imported = subprocess.run(
        [sys.executable, "-c", "import sys, tools.gateway as g; print(g.__file__)"],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert imported.stdout.startswith(str(copy)), "the copy was tested, not the checkout"
