"""A checkpoint that can't be saved halts the run where it is, and what was done isn't done again."""

from __future__ import annotations

from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from tests.matrix.cells import acts, happy
from tests.matrix.crews import CREWS, Crew
from tests.matrix.world import World


class Disk(InMemorySaver):
    """Takes nothing more once it is full."""

    full = False

    async def aput(self, *args: Any, **more: Any) -> Any:
        self._room()
        return await super().aput(*args, **more)

    async def aput_writes(self, *args: Any, **more: Any) -> None:
        self._room()
        await super().aput_writes(*args, **more)

    def _room(self) -> None:
        if self.full:
            raise OSError(28, "No space left on device")


@pytest.mark.scenario(41)
@pytest.mark.parametrize("crew", [crew for crew in CREWS if acts(crew)], ids=lambda crew: crew.name)
async def test_it_halts_and_goes_on_once_there_is_room(world: World, crew: Crew):
    disk = world.saver = Disk()

    async def fills() -> None:
        disk.full = True

    world.before_effect = fills
    with pytest.raises(OSError, match="No space left"):
        await happy(world, crew)
    assert (world.effects, world.state) == (1, {})
    assert world.entries("run_ended") == []

    disk.full, world.before_effect = False, None
    world.restart()
    await world.go()

    assert (world.status, world.effects) == ("completed", 1)
