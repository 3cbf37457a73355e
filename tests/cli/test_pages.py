"""The pages about events and other systems: their commands, in order, in a fresh home."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
SAID = {
    "events": [
        "leak.eml → ",
        "waits for a person",
        "bill.eml → ",
        "is woken: a document came",
        "paid 336.00 EUR",
    ],
    "systems": ["paid 336.00 EUR", "outcome  failed", "billing can't be reached"],
}


@pytest.mark.parametrize("page", sorted(SAID))
def test_the_pages_commands_say_what_it_shows(page: str, prepared: Path, tmp_path: Path):
    blocks = re.findall(
        r"^```sh\n(.*?)^```", (ROOT / "docs" / f"{page}.md").read_text(), re.DOTALL | re.MULTILINE
    )
    shutil.copytree(prepared, tmp_path / "home")
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    (tmp_path / "tower").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m cli.main "$@"\n')
    (tmp_path / "tower").chmod(0o700)

    ran = subprocess.run(
        ["sh", "-eu", "-c", "\n".join(blocks)],
        cwd=tmp_path,
        env={
            **os.environ,
            "TOWER_HOME": str(tmp_path / "home"),
            "PYTHONPATH": str(ROOT),
            "PYTHON": sys.executable,
        },
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )

    assert ran.returncode == 0, ran.stdout + ran.stderr
    said = " ".join(ran.stdout.split())
    assert [text for text in SAID[page] if " ".join(text.split()) not in said] == []
