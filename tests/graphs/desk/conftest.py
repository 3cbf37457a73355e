"""The desk's records, seeded once, and the application on them."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from governance.control import control, use_control
from graphs.domain import domain
from models.door import use_model
from tools.desk.database import Desk as Records


@pytest.fixture(scope="session")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("seeded") / "desk.db"
    records = Records(f"sqlite:///{path}")
    records.ensure()
    records.close()
    return path


@pytest.fixture
def records(seeded: Path, tower_home: Path) -> None:
    tower_home.mkdir()
    shutil.copy(seeded, tower_home / "desk.db")


@pytest.fixture
async def prepared(records: None) -> AsyncIterator[None]:
    """Everything that a graph of the desk needs."""
    await domain().prepare()
    yield
    use_model(None)
    control().close()
    use_control(None)
