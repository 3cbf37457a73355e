"""The door: which models stand in for a role's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from governance.limits import Timeouts
from models import door

TOML = """
[worker]
openai = "big"
local = "local"
offline = "offline-1"
fallbacks = ["openai/small", "local/local", "offline/offline-1"]
"""


@pytest.fixture(autouse=True)
def roles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "roles.toml"
    path.write_text(TOML)
    monkeypatch.setattr(door, "ROLES", path)
    door._choices.cache_clear()


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    yield
    door._choices.cache_clear()


def models() -> list[str]:
    return [f"{choice.provider}/{choice.model}" for choice in door.choices("worker")]


def test_stand_ins_whose_provider_is_not_configured_are_left_out():
    assert models() == ["offline/offline-1"], "and the role's own isn't asked twice"


def test_they_stand_in_their_declared_order(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "key")
    assert models() == ["openai/big", "openai/small", "offline/offline-1"]
    assert [choice.remote for choice in door.choices("worker")] == [True, True, False]
    assert door.configured("worker").model == "big"


def test_how_long_an_attempt_may_take_is_policy_and_not_the_clients_own_limit():
    model = door.raw_model(door.Choice("openai", "big", remote=True))
    assert model.request_timeout > Timeouts().model * 10
