"""Every page's commands work in their order in a fresh home, and every link and picture is there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.forking import Forker
from tests.pages import blocks, linked

ROOT = Path(__file__).parent.parent
PAGES = sorted(page for folder in ("docs", "docs/patterns") for page in (ROOT / folder).glob("*.md"))
ELSEWHERE = {"http", "own-domain"}
"""Pages whose commands need a server or a tree of their own: other tests run them."""
LONG = {"adaptive", "compliance", "concurrent", "evals", "events", "magentic", "supervisor", "systems"}
"""Pages whose commands take longest: `make test-slow` runs them."""

SAID = {
    "events": ["leak.eml → ", "waits for a person", "is woken: a document came", "paid 336.00 EUR"],
    "systems": ["paid 336.00 EUR", "outcome  failed", "billing can't be reached"],
    "effects": ["pay_claim recall_payment undone"],
    "single": ["due on 2026-01-31", "Done: add note"],
    "sequential": ["paid 336.00 EUR"],
}
"""What a page shows and its commands must say."""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory, forker: Forker) -> Path:
    """A home whose records, index and keys are ready, to be copied."""
    home = tmp_path_factory.mktemp("prepared") / "home"
    process = forker.start(["doctor"], os.environ | {"TOWER_HOME": str(home)}, ROOT)
    said, errors = process.communicate()
    assert process.poll() == 0, said + errors
    return home


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=[pytest.mark.slow] if page.stem in LONG else [])
        for page in PAGES
        if page.stem not in ELSEWHERE and any("./tower" in block for block in blocks(page))
    ],
    ids=lambda page: page.stem,
)
def test_a_pages_commands_work_and_say_what_it_shows(
    page: Path, prepared: Path, forker: Forker, tmp_path: Path
):
    shutil.copytree(prepared, tmp_path / "home")
    for folder in ("examples", "scripts"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    with linked(tmp_path, forker) as link:
        ours = {"TOWER_HOME": str(tmp_path / "home"), "TOWER_TEST_LINK": str(link)}
        ran = subprocess.run(
            ["sh", "-eu", "-c", "\n".join(blocks(page))],
            cwd=tmp_path,
            env=os.environ | ours | {"PYTHONPATH": str(ROOT), "PYTHON": sys.executable},
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )

    assert ran.returncode == 0, ran.stdout + ran.stderr
    said = " ".join(ran.stdout.split())
    assert [text for text in SAID.get(page.stem, []) if " ".join(text.split()) not in said] == []


@pytest.mark.parametrize("page", [*PAGES, ROOT / "AGENTS.md", ROOT / "governance/README.md"], ids=str)
def test_its_links_and_pictures_are_there(page: Path):
    links = [
        link for link in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")) if "://" not in link
    ]
    assert [link for link in links if not (page.parent / link).exists()] == []
