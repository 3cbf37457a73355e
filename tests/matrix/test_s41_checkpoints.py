"""A checkpoint that can't be saved halts the run where it is, and what was done isn't done again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from langchain_core.messages import BaseMessage
from langgraph.checkpoint.memory import InMemorySaver

from models.scripted import Reply
from tests.matrix.cells import acts
from tests.matrix.crews import CREWS, Crew, look, pay
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
@pytest.mark.parametrize("crew", CREWS, ids=lambda crew: crew.name)
async def test_it_halts_and_goes_on_once_there_is_room(world: World, crew: Crew):
    disk, effects = Disk(), int(acts(crew))
    world.saver = disk

    async def fills() -> None:
        disk.full = True

    def answers(_: Sequence[BaseMessage]) -> Reply:
        disk.full = True
        return crew.ends

    world.before_effect = fills
    world.script(crew.scripts(look(), pay()) if effects else crew.scripts(ends=answers))
    with pytest.raises(OSError, match="No space left"):
        await world.start(crew)
    assert (world.effects, world.state) == (effects, {})
    assert world.entries("run_ended") == []
    asked = world.model.calls

    disk.full, world.before_effect = False, None
    world.restart()
    await world.go()

    assert (world.status, world.effects) == ("completed", effects)
    assert effects or world.model.calls == asked, "what was answered is not asked again"
