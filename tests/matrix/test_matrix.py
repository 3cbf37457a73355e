"""Every pattern under every control; and every cell red once its control is switched off."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.matrix.cells import acts
from tests.matrix.crews import CREWS, Crew
from tests.matrix.rows import CELLS, NOT_APPLICABLE
from tests.matrix.switches import SWITCHES
from tests.matrix.table import markdown
from tests.matrix.world import World

ROOT = Path(__file__).parent.parent.parent
IN_EVERY_RUN = {"sequential", "concurrent"}
"""Of the others, cells with the control switched off are left to `make matrix`."""

NOTICED = {("crash", True): "done again", ("crash", False): "asked again"}
"""Control, and whether the crew calls tools → the check that has to notice, where a cell has several."""


def cells(*, off: bool = False) -> list[Any]:
    """Every cell that is asked; those with the control switched off are slow for most crews."""
    return [
        pytest.param(crew, control, id=f"{crew.name}-{control}", marks=_marks(crew, off=off))
        for crew in CREWS
        for control in CELLS
        if (crew.name, control) not in NOT_APPLICABLE
    ]


def _marks(crew: Crew, *, off: bool) -> list[Any]:
    return [pytest.mark.slow] if off and crew.name not in IN_EVERY_RUN else []


@pytest.mark.parametrize(("crew", "control"), cells())
async def test_holds(world: World, crew: Crew, control: str):
    await CELLS[control](world, crew)


@pytest.mark.parametrize(("crew", "control"), cells(off=True))
async def test_red_when_off(world: World, crew: Crew, control: str, monkeypatch: pytest.MonkeyPatch):
    SWITCHES[control](monkeypatch)

    with pytest.raises((AssertionError, TimeoutError), match=NOTICED.get((control, acts(crew)))):
        await CELLS[control](world, crew)


def test_the_readme_shows_the_table():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")

    assert markdown() in readme


def test_the_campaign_prints_the_table():
    """As `make matrix` calls it; nothing was run here, so each cell that is asked says so."""
    command = [sys.executable, "-m", "pytest", "tests/matrix/test_matrix.py", "-q", "--collect-only"]
    ran = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"MATRIX": "1"}, capture_output=True, text=True, check=True
    )

    assert "Scenarios: 52." in ran.stdout
    assert "| dissent | - | - | ? | ? | ? | ? | ? | ? | ? |" in ran.stdout
