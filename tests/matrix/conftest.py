"""A world for each cell, and the table of all cells."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from governance.control import use_control
from governance.policy import POLICIES, PolicyEngine, load_policy
from models.door import use_model
from tests.matrix.world import World, open_plane
from tests.second import office


@pytest.fixture(scope="session")
def policy(tmp_path_factory: pytest.TempPathFactory) -> PolicyEngine:
    """The general policies, the ticket office's, and what the crews need besides."""
    folder = tmp_path_factory.mktemp("policies")
    for path in POLICIES.iterdir():
        if path.is_file():
            shutil.copy(path, folder)
    shutil.copytree(office.PROMPTS / "policies", folder / "office")
    shutil.copytree(office.PROMPTS.parent / "matrix" / "policies", folder / "matrix")
    return load_policy([folder], office.TOOLBOX.surfaces())


@pytest.fixture
def world(policy: PolicyEngine, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """The ticket office, with a count of what its tools write."""
    world = World(policy, open_plane(policy))
    run = office.Ledger.run

    async def counted(ledger: office.Ledger, work: Any) -> Any:
        if world.before_effect:
            await world.before_effect()
        done = await run(ledger, work)
        world.effects += 1
        return done

    monkeypatch.setattr(office.Ledger, "run", counted)
    yield world
    use_model(None)
    use_control(None)
    world.plane.close()
