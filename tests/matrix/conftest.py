"""A world for each cell, and the table of all cells."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from governance.control import use_control
from governance.policy import PolicyEngine
from models.door import use_model
from tests.matrix.crews import CREWS
from tests.matrix.rows import CELLS
from tests.matrix.scenarios import summary
from tests.matrix.table import BROKEN, HOLDS, NOT_RUN, SURVIVED, markdown
from tests.matrix.world import World, open_plane
from tests.second import office
from tests.second.rules import MATRIX, gathered


@pytest.fixture(scope="session")
def policy(tmp_path_factory: pytest.TempPathFactory) -> PolicyEngine:
    """The general policies, the ticket office's, and what the crews need besides."""
    return gathered(tmp_path_factory.mktemp("policies"), MATRIX)


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


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the table, and what the table of scenarios counts, where all of it was run."""
    if not os.environ.get("MATRIX"):
        return
    ended = {
        report.nodeid.partition("::")[2]: word
        for word in ("passed", "failed")
        for report in terminalreporter.stats.get(word, ())
    }
    results = {(crew.name, control): _found(ended, crew.name, control) for crew in CREWS for control in CELLS}
    terminalreporter.write_line(f"{markdown(results)}\n\n{summary()}")


def _found(ended: dict[str, str], crew: str, control: str) -> str:
    on, off = (ended.get(f"{test}[{crew}-{control}]") for test in ("test_holds", "test_red_when_off"))
    if on == off == "passed":
        return HOLDS
    return BROKEN if on == "failed" else SURVIVED if off == "failed" else NOT_RUN
