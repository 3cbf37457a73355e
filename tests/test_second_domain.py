"""The desk can be deleted: what is left, with another small domain in its place, is a working template."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SHORT = tuple(
    f"tests/scenarios/test_{name}.py" for name in ("s01_s02_seams", "s31_nesting", "s32_s36_humans")
)
WHOLE = ("tests/governance/test_control.py", "tests/scenarios")
LEFT_OUT = (".*", "__pycache__", "*.egg-info", "build", "dist", "docs", "examples")


@pytest.mark.parametrize(
    "tests", [SHORT, pytest.param(WHOLE, marks=pytest.mark.slow)], ids=["short", "whole"]
)
def test_without_the_desk_the_control_tests_pass_on_another_domain(tmp_path: Path, tests: tuple[str, ...]):
    copy = tmp_path / "copy"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*LEFT_OUT))
    gone = sorted(path for path in copy.rglob("desk") if path.is_dir())
    for folder in gone:
        shutil.rmtree(folder)
    assert len(gone) >= 7, "the desk lies in folders of its own, all over the tree"

    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *tests],
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
