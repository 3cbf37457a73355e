"""Every test starts from an environment that configures nothing, with a home of its own."""

from __future__ import annotations

import atexit
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.forking import Forker

pytest_plugins = ["tests.collecting"]

CONFIGURES = ("OPENAI_", "LANGSMITH_", "LANGCHAIN_", "LANGGRAPH_", "TOWER_")


def pytest_configure() -> None:
    """Clear what the user's shell configures, before any module of ours is imported."""
    for name in [name for name in os.environ if name.startswith(CONFIGURES)]:
        del os.environ[name]
    # Many tests start processes, and each would compile what it imports again.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ.pop("COLUMNS", None)  # what is printed is looked at as a pipe gets it
    home = tempfile.TemporaryDirectory(prefix="tower-tests-", ignore_cleanup_errors=True)
    # Not as a cleanup of pytest's, which a worker of xdist may end without.
    atexit.register(home.cleanup)
    os.environ["TOWER_HOME"] = home.name
    # Named by their content, so that all tests of all runs can share one index.
    os.environ["TOWER_VECTORS"] = str(Path(tempfile.gettempdir()) / "tower-tests-vectors")


@pytest.fixture(autouse=True)
def tower_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for this test's databases, keys and vectors."""
    home = tmp_path / "tower-home"
    monkeypatch.setenv("TOWER_HOME", str(home))
    return home


@pytest.fixture(scope="session")
def forker() -> Iterator[Forker]:
    """Starts commands without the two seconds that their imports take."""
    forker = Forker()
    yield forker
    forker.close()
