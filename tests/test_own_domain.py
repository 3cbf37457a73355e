"""What docs/own-domain.md says is so: its commands take the desk out, put the clinic in and work it."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.forking import Forker
from tests.pages import blocks, linked

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs/own-domain.md"
EXAMPLE = ROOT / "examples/clinic"
PACKAGES = ("evals", "graphs", "memory", "nodes", "tools")
LEFT_OUT = (".*", "__pycache__", "*.egg-info", "build", "dist")
PUT_IN, LOOK, BOOK, UNDO, RELEASE = blocks(PAGE)


@dataclass(frozen=True)
class Clinic:
    """A copy of the tree as a reader of the page has it, and what its commands work on."""

    tree: Path
    home: Path

    @property
    def env(self) -> dict[str, str]:
        ours = {"TOWER_HOME": self.home, "TOWER_TEST_LINK": self.tree / "link", "PYTHONPATH": self.tree}
        return {**os.environ, **{name: str(path) for name, path in ours.items()}}

    def follow(self, block: str) -> str:
        """Do what a block says, and return what it said."""
        ran = subprocess.run(
            ["sh", "-eu", "-c", block],
            cwd=self.tree,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return " ".join(ran.stdout.split())

    def rows(self, store: str, sql: str) -> list[Any]:
        """What a database says, read past the tools and the control plane."""
        with closing(sqlite3.connect(self.home / f"{store}.db")) as db:
            return db.execute(sql).fetchall()

    def diary(self) -> list[tuple[str, ...]]:
        """Every appointment."""
        sql = "SELECT appointment_id, patient_id, kind, day, state FROM appointments ORDER BY 1"
        return self.rows("clinic", sql)


SEEDED = [
    ("A-1001", "P-001", "check_up", "2026-12-10", "booked"),
    ("A-1002", "P-002", "check_up", "2026-12-10", "booked"),
]
CHECK_UP = ("A-1003", "P-001", "check_up", "2026-12-03", "booked")
FORBIDS = ("only-own-appointments", "only-own-patient")
TREATMENT = ("A-1004", "P-001", "treatment", "2026-12-07")


@pytest.fixture(scope="module")
def put_in(tmp_path_factory: pytest.TempPathFactory) -> Clinic:
    """The tree after the page's first section."""
    folder = tmp_path_factory.mktemp("own-domain")
    clinic = Clinic(folder / "copy", folder / "home")
    shutil.copytree(ROOT, clinic.tree, ignore=shutil.ignore_patterns(*LEFT_OUT))
    clinic.follow(PUT_IN)
    return clinic


@pytest.fixture(scope="module")
def clinic(put_in: Clinic) -> Iterator[Clinic]:
    """The same, with a `./tower`."""
    forker = Forker(put_in.tree)
    with linked(put_in.tree, forker):
        yield put_in
    forker.close()


def test_the_desk_is_out_and_the_clinic_does_what_the_page_says(clinic: Clinic):
    assert not [path for path in clinic.tree.rglob("desk") if path.is_dir()]

    said = clinic.follow(LOOK)

    assert "/home/clini" in said, "the records' place is the clinic's"
    assert "sources your-visit § 1.1" in said
    assert "This patient isn't the one whom the request is about." in said
    assert clinic.diary() == [*SEEDED, CHECK_UP]
    refused = "SELECT action, policies FROM audit WHERE kind = 'refused' ORDER BY seq"
    assert clinic.rows("control", refused) == [
        ("cancel_appointment", f'["{FORBIDS[0]}"]'),
        ("list_appointments", f'["{FORBIDS[1]}"]'),
    ]

    said = clinic.follow(BOOK)

    assert "needs head-nurse" in said
    assert clinic.diary() == [*SEEDED, CHECK_UP, (*TREATMENT, "booked")]
    decided = "SELECT action, user_id, decision FROM audit WHERE kind = 'approval_decided'"
    assert clinic.rows("control", decided) == [("book_appointment", "drew", "approve")]

    said = clinic.follow(UNDO)

    assert "book_appointment cancel_appointment undone" in said
    assert clinic.diary() == [*SEEDED, CHECK_UP, (*TREATMENT, "cancelled")]

    said = clinic.follow(RELEASE)

    assert "INCONCLUSIVE" in said
    assert (clinic.tree / "evals/clinic/baselines/cases.jsonl").exists()
    assert re.search(r"unauthorised_writes +0\.000", said)


def test_without_its_forbid_an_agent_changes_what_a_request_names(clinic: Clinic, tmp_path: Path):
    rules = clinic.tree / "governance/policies/clinic/records.cedar"
    text = rules.read_text()
    assert all(f'@id("{policy}")' in text for policy in FORBIDS)
    other = replace(clinic, home=tmp_path / "home")
    rules.write_text(text.partition("@id")[0])
    try:
        other.follow("\n".join(line for line in LOOK.splitlines() if "P-002" in line))
    finally:
        rules.write_text(text)

    assert ("A-1002", "P-002", "check_up", "2026-12-10", "cancelled") in other.diary()
    assert ("A-1003", "P-002", "check_up", "2026-12-04", "booked") in other.diary()


def test_what_is_packaged_is_the_clinic(put_in: Clinic):
    setup = tomllib.loads((put_in.tree / "pyproject.toml").read_text())["tool"]["setuptools"]
    folders = {path.parent.relative_to(EXAMPLE) for path in EXAMPLE.rglob("__init__.py")}

    assert {".".join(folder.parts) for folder in folders} <= set(setup["packages"])
    assert [each for each in setup["packages"] if not (put_in.tree / each.replace(".", "/")).is_dir()] == []
    assert [glob for globs in setup["package-data"].values() for glob in globs if "desk" in glob] == []


@pytest.mark.parametrize(
    "command",
    [
        ["ruff", "check", *PACKAGES],
        ["ruff", "format", "--check", *PACKAGES],
        pytest.param(
            ["mypy", "--follow-imports=silent", *(f"{name}/clinic" for name in PACKAGES)],
            marks=pytest.mark.slow,
        ),
        pytest.param(["pytest", "tests/test_tree.py", "-k", "one_way or listed"], marks=pytest.mark.slow),
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_it_is_as_clean_as_what_was_there(put_in: Clinic, command: list[str]):
    ran = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=put_in.tree,
        env=put_in.env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr
