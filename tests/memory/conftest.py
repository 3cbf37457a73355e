"""Indexes are what these tests are about: each test has its own."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def own_vectors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Don't share the session's index."""
    monkeypatch.delenv("TOWER_VECTORS", raising=False)
