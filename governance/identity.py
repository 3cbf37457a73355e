"""Identity: the people of this deployment and the keys that prove who they are."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import tomllib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from governance.connections import ReadOnly
from governance.errors import ControlUnavailable, NotAuthenticated
from governance.keyfile import read_or_create
from governance.policy_files import POLICIES
from governance.principals import User
from governance.settings import Settings
from governance.store import ControlStore, Tx

DDL: tuple[str, ...] = (
    """CREATE TABLE IF NOT EXISTS users (
        id TEXT PRIMARY KEY, tenant TEXT NOT NULL, roles TEXT NOT NULL, key_hash TEXT NOT NULL)""",
)


class Identity:
    """Who may come in: users from the `users.toml` files, each with a key of their own."""

    def __init__(
        self, settings: Settings, store: ControlStore, folders: Sequence[Path] = (POLICIES,)
    ) -> None:
        self._keys = settings.home / "keys"
        self._store = store
        self._folders = folders
        self._seeded = False

    async def authenticate(self, key: str | None) -> User:
        """The user whose key it is.

        Raises:
            NotAuthenticated: It is nobody's.
        """
        if not self._seeded:
            with suppress(ReadOnly):
                await self._store.transact(self._seed)
        return await self._store.read(lambda tx: self._find(tx, key))

    def key_for(self, user_id: str) -> str:
        """A development key from this machine: `TOWER_KEY` if set, else `home/keys/USER.key`.

        Only for the command line; blocks on the disk.

        Raises:
            NotAuthenticated: There is no such user, or the key isn't on this machine.
        """
        if key := os.environ.get("TOWER_KEY"):
            return key
        if not self._seeded:
            with suppress(ReadOnly):
                self._store.transact_sync(self._seed)
        path = self._keys / f"{user_id}.key"
        # The id comes from a command line; it names a user, never a path.
        if user_id not in read_users(self._folders) or not path.is_file():
            known = ", ".join(sorted(read_users(self._folders))) or "nobody"
            msg = f"there is no key of {user_id} in {self._keys}; set TOWER_KEY, or act as one of: {known}"
            raise NotAuthenticated(msg)
        return read_or_create(path)

    def _find(self, tx: Tx, key: str | None) -> User:
        """The key's user; where the table can't be brought in line with the files, they decide."""
        found = find(tx, key)
        users = read_users(self._folders) if tx.db.read_only else {found.id: found}
        if found.id not in users:
            msg = f"{found.id} is in no users.toml any more"
            raise NotAuthenticated(msg)
        return users[found.id]

    def _seed(self, tx: Tx) -> None:
        """Bring the table in line with the files, which are the truth; keys are made once."""
        users = read_users(self._folders)
        for statement in DDL:
            tx.execute(statement)
        there = {row[0] for row in tx.all("SELECT id FROM users")}
        for gone in there - set(users):
            tx.execute("DELETE FROM users WHERE id = ?", (gone,))
        for user in users.values():
            roles = json.dumps(sorted(user.roles))
            if user.id in there:
                tx.execute(
                    "UPDATE users SET tenant = ?, roles = ? WHERE id = ?", (user.tenant, roles, user.id)
                )
                continue
            # The key starts with the user's id, so that whoever finds one knows whom to tell.
            secret = read_or_create(self._keys / f"{user.id}.key", prefix=f"{user.id}.")
            row = (user.id, user.tenant, roles, _hash(secret))
            tx.execute("INSERT INTO users VALUES (?, ?, ?, ?)", row)
        tx.after_commit.append(self._mark_seeded)

    def _mark_seeded(self) -> None:
        self._seeded = True


def find(tx: Tx, key: str | None) -> User:
    """The user whose key it is; takes the same time for a wrong key and for nobody's.

    Raises:
        NotAuthenticated: It is nobody's.
    """
    user_id = (key or "").partition(".")[0]
    row = tx.one("SELECT id, tenant, roles, key_hash FROM users WHERE id = ?", (user_id,))
    expected = row[3] if row else _hash("")
    if not hmac.compare_digest(_hash(key or ""), expected) or row is None or not key:
        msg = (
            "no valid key was shown; set TOWER_KEY or pass --as USER with that user's key in TOWER_HOME/keys"
        )
        raise NotAuthenticated(msg)
    return User(row[0], row[1], frozenset(json.loads(row[2])))


def read_users(folders: Sequence[Path]) -> Mapping[str, User]:
    """All users of the `users.toml` files.

    Raises:
        ControlUnavailable: A file is broken, or two name the same user.
    """
    users: dict[str, User] = {}
    for path in sorted(path for folder in folders for path in folder.rglob("users.toml")):
        try:
            for name, facts in tomllib.loads(path.read_text(encoding="utf-8")).items():
                _check(name, users)
                users[name] = User(name, str(facts["tenant"]), frozenset(map(str, facts["roles"])))
        except (OSError, ValueError, KeyError, TypeError) as error:
            msg = f"{path} is broken: {error!r}; a user is [name] with a tenant and a list of roles"
            raise ControlUnavailable(msg) from error
    return users


def _check(name: str, users: Mapping[str, User]) -> None:
    if name in users:
        msg = f"there are two users {name}"
        raise ValueError(msg)
    if not name.replace("-", "").isalnum():
        msg = f"{name!r} can't be a user's id; letters, digits and dashes only"
        raise ValueError(msg)


def _hash(key: str) -> str:
    # Keys are 256 random bits, so a plain hash is as good as a slow one.
    return hashlib.sha256(key.encode()).hexdigest()
