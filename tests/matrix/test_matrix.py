"""Every pattern under every control; and every cell red once its control is switched off."""

from __future__ import annotations

import pytest

from tests.matrix.cells import CELLS, NOT_APPLICABLE
from tests.matrix.crews import CREWS, Crew
from tests.matrix.switches import SWITCHES
from tests.matrix.world import World

ASKED = [
    pytest.param(crew, control, id=f"{crew.name}-{control}")
    for crew in CREWS
    for control in CELLS
    if (crew.name, control) not in NOT_APPLICABLE
]


@pytest.mark.parametrize(("crew", "control"), ASKED)
async def test_holds(world: World, crew: Crew, control: str):
    await CELLS[control](world, crew)


@pytest.mark.parametrize(("crew", "control"), ASKED)
async def test_red_when_off(world: World, crew: Crew, control: str, monkeypatch: pytest.MonkeyPatch):
    SWITCHES[control](monkeypatch)

    with pytest.raises(Exception):  # noqa: B017, PT011 - whatever shows that the cell noticed
        await CELLS[control](world, crew)
