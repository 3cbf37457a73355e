"""What docs/extending.md adds works: its diffs apply to this tree, and their policy is what permits."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import pytest

from tests.forking import Forker

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs/extending.md").read_text(encoding="utf-8")
LEFT_OUT = (".*", "__pycache__", "*.egg-info", "build", "dist", "docs", "examples", "evals")
ASKED = [
    "run",
    "--json",
    "--graph",
    "double",
    "What does policy HM-200001 cost in a year?",
    "--customer",
    "C-10001",
]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The tree, to be changed."""
    shutil.copytree(ROOT, tmp_path / "copy", ignore=shutil.ignore_patterns(*LEFT_OUT))
    return tmp_path / "copy"


@pytest.fixture
def copied(copy: Path) -> Iterator[Forker]:
    """Starts the copy's `tower`."""
    forker = Forker(copy)
    yield forker
    forker.close()


def apply(diff: str, tree: Path) -> None:
    """Apply a diff of the page as a reader does."""
    alone = os.environ | {"GIT_CEILING_DIRECTORIES": str(tree.parent)}
    subprocess.run(["git", "apply", "-"], input=diff, text=True, cwd=tree, env=alone, check=True)


def ask(tower: Forker, home: Path) -> dict[str, Any]:
    """Run the request in the copy."""
    process = tower.start(ASKED, os.environ | {"TOWER_HOME": str(home)}, home.parent)
    said, errors = process.communicate()
    assert said, errors
    return cast("dict[str, Any]", json.loads(said))


def rows(home: Path, store: str, sql: str) -> list[Any]:
    """What a database says, read past the tool and the control plane."""
    with closing(sqlite3.connect(home / f"{store}.db")) as db:
        return db.execute(sql).fetchall()


def test_what_the_page_adds_does_nothing_until_its_policy_permits_it(tmp_path, copy, copied):
    home = tmp_path / "home"
    *additions, policy = re.findall(r"^```diff\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    assert len(additions) == 3
    for diff in additions:
        apply(diff, copy)

    asked = ask(copied, home)

    assert asked["status"] == "denied"
    calls = f"SELECT agent, state FROM journal WHERE run = '{asked['run']}' AND action = 'yearly_premium'"
    assert rows(home, "control", calls) == []
    denials = f"SELECT action, decision, body FROM audit WHERE run = '{asked['run']}' AND kind = 'refused'"
    (denial,) = rows(home, "control", denials)
    assert denial[:2] == ("yearly_premium", "deny")
    assert "no policy permits premiums agents to yearly_premium" in denial[2]

    apply(policy, copy)

    ended = ask(copied, home)

    assert ended["status"] == "completed"
    assert rows(home, "control", calls.replace(asked["run"], ended["run"])) == [
        ("premiums", "done"),
        ("premiums_again", "done"),
    ]
    ((half,),) = rows(home, "desk", "SELECT premium FROM desk_policies WHERE policy_number = 'HM-200001'")
    assert ended["outcome"]["answer"] == f"HM-200001 costs {2 * half / 100:.2f} EUR a year."
