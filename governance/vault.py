"""Vault: personal values under lock and key; everything else sees their tokens."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from governance.acts import Json
from governance.detect import KINDS, TOKEN
from governance.errors import ControlUnavailable, TowerError
from governance.keyfile import read_or_create
from governance.masking import Masked, mask, strings, walk
from governance.settings import Settings
from governance.spellings import canonical, identity
from governance.store import ControlStore, Tx

DDL: tuple[str, ...] = (
    """CREATE TABLE IF NOT EXISTS vault (
        tenant TEXT NOT NULL, token TEXT NOT NULL, kind TEXT NOT NULL, ciphertext TEXT NOT NULL,
        PRIMARY KEY (tenant, token))""",
)
_NONCE_BYTES = 12
_TOKENS_A_QUERY = 400


class UnknownToken(TowerError):
    """This tenant's vault doesn't hold the token."""


@dataclass(frozen=True, slots=True)
class TenantKeys:
    """What a tenant's tokens are made and its values are sealed with."""

    tenant: str
    naming: bytes
    sealing: AESGCM

    def token(self, kind: str, value: str) -> str:
        """The token of a value, the same for each of its spellings.

        Raises:
            ValueError: There is no such kind.
        """
        if kind not in KINDS:
            msg = f"{kind!r} isn't a kind of personal value; there are {', '.join(KINDS)}"
            raise ValueError(msg)
        name = f"{kind}\0{identity(kind, value)}".encode()
        return f"<{kind}:{hmac.new(self.naming, name, hashlib.sha256).hexdigest()[:12]}>"

    def seal(self, token: str, value: str) -> str:
        """Encrypt a value, bound to its token and tenant."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self.sealing.encrypt(nonce, value.encode(), self._bound_to(token))
        return base64.b64encode(nonce + sealed).decode()

    def unseal(self, token: str, ciphertext: str) -> str:
        """Decrypt what `seal` made.

        Raises:
            ControlUnavailable: It was sealed with another key, or altered.
        """
        raw = base64.b64decode(ciphertext)
        try:
            return self.sealing.decrypt(
                raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], self._bound_to(token)
            ).decode()
        except InvalidTag as error:
            msg = f"{token} can't be opened; `keys/vault.key` isn't the one that it was sealed with"
            raise ControlUnavailable(msg) from error

    def _bound_to(self, token: str) -> bytes:
        return f"{self.tenant}\0{token}".encode()


class Vault:
    """Swaps personal values for tokens such as `<iban:3f9a1c07d2e4>` and back.

    A value has one token in all of a tenant's texts, and another one in another tenant's.
    All work, the key file included, is done in the store's threads.
    """

    def __init__(self, settings: Settings, store: ControlStore) -> None:
        self._path = settings.home / "keys" / "vault.key"
        self._store = store
        self._keys = lru_cache(maxsize=128)(lambda tenant: derive(self._path, tenant))
        self._ready = False

    async def tokenise(self, tenant: str, text: str, seeds: Mapping[str, str]) -> str:
        """Replace personal values in a text; see `tokenise_json`."""
        masked: str = await self.tokenise_json(tenant, text, seeds)
        return masked

    async def tokenise_json(
        self, tenant: str, value: Json, seeds: Mapping[str, str], *, own: AbstractSet[str] = frozenset()
    ) -> Json:
        """Replace personal values in all strings of a JSON value, keys included.

        Args:
            seeds: Values that are known to be personal → their kind. They are found in every usual
                spelling; what shows by its form is found without.
            own: Tokens whose values are known to be personal as well.

        Returns:
            The value with tokens. Tokens of this tenant stay; a text that only looks like a token
            is changed so that nobody takes it for one.
        """
        await self._prepare()
        masked, new = await self._store.read(lambda tx: self._mask(tx, tenant, value, seeds, own))
        if new:
            await self._store.transact(lambda tx: self._keep(tx, tenant, new))
        return masked

    async def token(self, tenant: str, kind: str, value: str) -> str:
        """The token of one value, which is kept."""
        return (await self.tokens(tenant, {value: kind}))[value]

    async def tokens(self, tenant: str, values: Mapping[str, str]) -> dict[str, str]:
        """The tokens of values, which are kept.

        Args:
            values: Value → kind.

        Raises:
            ValueError: There is no such kind.
        """
        if not values:
            return {}
        await self._prepare()

        def look(tx: Tx) -> tuple[dict[str, str], set[str]]:
            named = {value: self._keys(tenant).token(kind, value) for value, kind in values.items()}
            return named, set(named.values()) - set(_rows(tx, tenant, [*named.values()]))

        named, new = await self._store.read(look)
        if new:
            kept = {named[value]: (kind, value) for value, kind in values.items() if named[value] in new}
            await self._store.transact(lambda tx: self._keep(tx, tenant, kept))
        return named

    async def reveal_json(self, tenant: str, value: Json) -> Json:
        """Put the values back for their tokens, for whoever is cleared to act on them.

        Raises:
            UnknownToken: There is a token that this tenant's vault doesn't hold.
        """
        found = await self.behind(tenant, value)
        missing = sorted(_tokens(value) - set(found))
        if missing:
            msg = f"{missing[0]} isn't in the vault of {tenant}; use one from the request or from a result"
            raise UnknownToken(msg)
        return walk(value, lambda text: TOKEN.sub(lambda match: found[match[0]], text))

    async def reveal_known(self, tenant: str, value: Json) -> Json:
        """Put the values back for a person to read; what isn't in the vault stays a token."""
        found = await self.behind(tenant, value)
        return walk(value, lambda text: TOKEN.sub(lambda match: found.get(match[0], match[0]), text))

    async def behind(self, tenant: str, value: Json) -> Mapping[str, str]:
        """Every token in a value that the vault holds → what it stands for."""
        await self._prepare()
        tokens = _tokens(value)
        return await self._store.read(lambda tx: self._open(tx, tenant, tokens)) if tokens else {}

    async def _prepare(self) -> None:
        if not self._ready:
            await self._store.transact(_create_tables)
            self._ready = True

    def _mask(
        self, tx: Tx, tenant: str, value: Json, seeds: Mapping[str, str], own: AbstractSet[str]
    ) -> tuple[Json, dict[str, tuple[str, str]]]:
        keys = self._keys(tenant)
        known = set(_rows(tx, tenant, _tokens(value)))
        kinds = {one: token[1:].partition(":")[0] for token, one in self._open(tx, tenant, own).items()}
        done = Masked(keys.token, known, kinds | dict(seeds))
        masked = walk(value, lambda text: mask(text, done))
        there = self._open(tx, tenant, done.values)
        for token, one in there.items():
            kind, seen = done.values.pop(token)
            _same(token, identity(kind, one), identity(kind, seen))
        return masked, done.values

    def _keep(self, tx: Tx, tenant: str, values: Mapping[str, tuple[str, str]]) -> None:
        keys = self._keys(tenant)
        for token, (kind, value) in values.items():
            sealed = keys.seal(token, canonical(kind, value))
            tx.execute(
                "INSERT INTO vault VALUES (?, ?, ?, ?) ON CONFLICT (tenant, token) DO NOTHING",
                (tenant, token, kind, sealed),
            )

    def _open(self, tx: Tx, tenant: str, tokens: Iterable[str]) -> dict[str, str]:
        keys = self._keys(tenant)
        return {token: keys.unseal(token, sealed) for token, sealed in _rows(tx, tenant, tokens).items()}


def derive(path: Path, tenant: str) -> TenantKeys:
    """A tenant's keys, from the key file that is made at first use.

    Raises:
        ControlUnavailable: The file can't be read or created.
    """
    secret = read_or_create(path).encode()

    def key(purpose: str) -> bytes:
        info = f"tower vault {purpose}\0{tenant}".encode()
        return HKDF(SHA256(), length=32, salt=None, info=info).derive(secret)

    return TenantKeys(tenant, key("naming"), AESGCM(key("sealing")))


def _create_tables(tx: Tx) -> None:
    for statement in DDL:
        tx.execute(statement)


def _tokens(value: Json) -> set[str]:
    return {match[0] for text in strings(value) for match in TOKEN.finditer(text)}


def _rows(tx: Tx, tenant: str, tokens: Iterable[str]) -> dict[str, str]:
    """Ciphertexts of the tokens that the tenant's vault holds."""
    wanted = sorted(tokens)
    found: dict[str, str] = {}
    for start in range(0, len(wanted), _TOKENS_A_QUERY):
        part = wanted[start : start + _TOKENS_A_QUERY]
        marks = ", ".join("?" * len(part))
        query = f"SELECT token, ciphertext FROM vault WHERE tenant = ? AND token IN ({marks})"
        found.update((str(row[0]), str(row[1])) for row in tx.all(query, (tenant, *part)))
    return found


def _same(token: str, one: Any, other: Any) -> None:
    if one != other:
        msg = f"two values share the token {token}; neither may be used"
        raise ControlUnavailable(msg)
