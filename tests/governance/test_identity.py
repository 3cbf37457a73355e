"""Who comes in: people with keys, and nobody else."""

from __future__ import annotations

import asyncio
import os
import stat
from contextlib import closing
from pathlib import Path

import pytest

from governance.errors import ControlUnavailable, NotAuthenticated
from governance.identity import Identity
from governance.principals import User
from governance.settings import Settings
from governance.store import ControlStore

USERS = '[ann]\ntenant = "north"\nroles = ["cook", "host"]\n\n[bob]\ntenant = "south"\nroles = []\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "people"
    folder.mkdir()
    (folder / "users.toml").write_text(USERS)
    return folder


@pytest.fixture
def identity(settings: Settings, store: ControlStore, folder: Path) -> Identity:
    return Identity(settings, store, (folder,))


async def key_of(identity: Identity, user_id: str) -> str:
    return await asyncio.to_thread(identity.key_for, user_id)


async def test_a_key_opens_for_its_user(identity: Identity) -> None:
    key = await key_of(identity, "ann")
    assert await identity.authenticate(key) == User("ann", "north", frozenset({"cook", "host"}))


async def test_nothing_else_opens(identity: Identity) -> None:
    key, other = await key_of(identity, "ann"), await key_of(identity, "bob")
    wrong = [
        None,
        "",
        "ann",
        "ann.",
        key + "x",
        key[:-1],
        key.upper(),
        other.replace("bob", "ann"),
        "eve.x",
        " " + key,
    ]
    for shown in wrong:
        with pytest.raises(NotAuthenticated, match="TOWER_KEY"):
            await identity.authenticate(shown)


async def test_keys_are_private_and_stored_as_hashes(
    identity: Identity, settings: Settings, store: ControlStore
) -> None:
    key = await key_of(identity, "ann")
    path = settings.home / "keys" / "ann.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    rows = await store.read(lambda tx: tx.all("SELECT * FROM users"))
    assert key not in str(rows)
    assert key.partition(".")[2] not in str(rows)
    assert key != await key_of(identity, "bob")


async def test_a_second_start_keeps_the_keys_and_follows_the_file(
    identity: Identity, settings: Settings, store: ControlStore, folder: Path
) -> None:
    key, gone = await key_of(identity, "ann"), await key_of(identity, "bob")
    (folder / "users.toml").write_text('[ann]\ntenant = "north"\nroles = ["host"]\n')
    again = Identity(settings, store, (folder,))
    assert await again.authenticate(key) == User("ann", "north", frozenset({"host"}))
    with pytest.raises(NotAuthenticated):
        await again.authenticate(gone)


async def test_a_lost_database_takes_the_keys_of_the_files(
    identity: Identity, store: ControlStore, settings: Settings, folder: Path
) -> None:
    key = await key_of(identity, "ann")
    await store.transact(lambda tx: tx.execute("DELETE FROM users"))
    assert (await Identity(settings, store, (folder,)).authenticate(key)).id == "ann"


async def test_the_environment_goes_before_the_file(
    identity: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOWER_KEY", "from-outside")
    assert await key_of(identity, "ann") == "from-outside"


@pytest.mark.parametrize("name", ["eve", "../vault", "", "ann/../vault"])
async def test_no_key_of_a_stranger_or_by_a_path(identity: Identity, settings: Settings, name: str) -> None:
    await key_of(identity, "ann")
    (settings.home / "keys" / "vault.key").write_text("secret")
    with pytest.raises(NotAuthenticated, match="ann, bob"):
        await key_of(identity, name)


async def test_a_key_that_is_elsewhere_is_said_to_be_missing(identity: Identity, settings: Settings) -> None:
    await key_of(identity, "ann")
    (settings.home / "keys" / "ann.key").unlink()
    with pytest.raises(NotAuthenticated, match="no key of ann"):
        await key_of(identity, "ann")


@pytest.mark.parametrize(
    "text", ["[ann", "[ann]\nroles = []\n", '["../x"]\ntenant = "a"\nroles = []\n', "ann = 1\n"]
)
async def test_a_broken_file_lets_nobody_in(identity: Identity, folder: Path, text: str) -> None:
    (folder / "users.toml").write_text(text)
    with pytest.raises(ControlUnavailable, match=r"users\.toml is broken"):
        await identity.authenticate("ann.x")


async def test_where_nothing_can_be_written_the_files_decide_who_comes_in(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(tmp_path)

    async def enter() -> str:
        with closing(ControlStore(settings.url("control"))) as store:
            identity = Identity(settings, store, [folder])
            return (await identity.authenticate(await key_of(identity, "ann"))).tenant

    assert await enter() == "north"
    monkeypatch.setattr(os, "access", lambda *_: False)
    (folder / "users.toml").write_text(USERS.replace("north", "west"))
    assert await enter() == "west"

    with closing(ControlStore(settings.url("control"))) as store:
        identity = Identity(settings, store, [folder])
        key = await key_of(identity, "ann")
        (folder / "users.toml").write_text("")
        with pytest.raises(NotAuthenticated, match="ann is in no"):
            await identity.authenticate(key)
