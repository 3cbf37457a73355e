"""Anchors: signed statements of how the audit log stood, kept in a second place."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from governance.canonical import canonical
from governance.connections import private_folder
from governance.errors import ControlUnavailable


class Statement:
    """What the holder of the key says; `signature` is Ed25519 over the canonical form of the other fields."""

    __slots__ = ()
    key_id: str
    """First 16 hex digits of the public key."""
    signature: str

    @property
    def signed(self) -> bytes:
        """The bytes that the signature is over."""
        return canonical({name: value for name, value in asdict(self).items() if name != "signature"})  # type: ignore[call-overload]


S = TypeVar("S", bound=Statement)


@dataclass(frozen=True, slots=True)
class Anchor(Statement):
    """Whoever holds the key says that entry `seq` had this hash at this time.

    Attributes:
        every: Entries until the next anchor at most, so that a missing one is missed.
    """

    seq: int
    hash: str
    time: str
    every: int
    key_id: str = ""
    signature: str = ""


@dataclass(frozen=True, slots=True)
class Seal(Statement):
    """Whoever holds the key says that entries `first` to `last` are a closed segment of the log.

    Attributes:
        prev: Hash of the entry before `first`.
        hash: Hash of entry `last`.
        sha256: Of the segment's lines as they were exported.
        until: Until then the segment has to stay in the database.
    """

    first: int
    last: int
    count: int
    prev: str
    hash: str
    sha256: str
    until: str
    key_id: str = ""
    signature: str = ""


class Anchors:
    """The signing key under `home/keys` and the file `home/anchors.jsonl`."""

    def __init__(self, home: Path) -> None:
        self.key_path = home / "keys" / "audit.key"
        self.file = home / "anchors.jsonl"
        self._key: Ed25519PrivateKey | None = None
        self._lock = threading.Lock()

    def sign(self, said: S) -> S:
        """The statement with this deployment's signature.

        Raises:
            ControlUnavailable: The key can't be read or created.
        """
        key = self._load()
        unsigned: Any = replace(said, key_id=_key_id(key.public_key()))  # type: ignore[type-var]
        signed: S = replace(unsigned, signature=key.sign(unsigned.signed).hex())
        return signed

    def keep(self, anchor: Anchor) -> None:
        """Append the anchor to the file and wait until it is on disk."""
        private_folder(self.file.parent)
        descriptor = os.open(self.file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, canonical(asdict(anchor)) + b"\n")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def kept(self) -> list[Anchor]:
        """What the file holds; a line that isn't an anchor counts as one with a wrong signature."""
        if not self.file.exists():
            return []
        return [_read_line(line) for line in self.file.read_text().splitlines()]

    def genuine(self, anchor: Statement) -> bool:
        """Whether a key that this deployment trusts (`home/keys/audit*.pub`) signed it."""
        for path in self.key_path.parent.glob("audit*.pub"):
            public = serialization.load_pem_public_key(path.read_bytes())
            if isinstance(public, Ed25519PublicKey) and _key_id(public) == anchor.key_id:
                return _verifies(public, anchor)
        return False

    def _load(self) -> Ed25519PrivateKey:
        with self._lock:
            if self._key is None:
                try:
                    self._key = (
                        _read_key(self.key_path) if self.key_path.exists() else _create_key(self.key_path)
                    )
                except (OSError, ValueError, TypeError) as error:
                    msg = (
                        f"the audit key {self.key_path} can't be used ({error}); restore it from your backup"
                    )
                    raise ControlUnavailable(msg) from error
            return self._key


def merge(*sources: Iterable[Anchor]) -> list[Anchor]:
    """Anchors from several places in order of `seq`, each once; where places differ, both."""
    return sorted(set().union(*map(set, sources)), key=lambda anchor: (anchor.seq, anchor.signature))


def _read_key(path: Path) -> Ed25519PrivateKey:
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        msg = "it isn't an Ed25519 key"
        raise TypeError(msg)
    return key


def _create_key(path: Path) -> Ed25519PrivateKey:
    """Create the key pair; of several processes at once the first wins and the others read its key."""
    private_folder(path.parent)
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    draft = path.with_suffix(f".{os.getpid()}.{threading.get_ident()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        key = _read_key(path)
    finally:
        draft.unlink()
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    path.with_suffix(".pub").write_bytes(public)
    return key


def _key_id(public: Ed25519PublicKey) -> str:
    return public.public_bytes_raw().hex()[:16]


def _verifies(public: Ed25519PublicKey, anchor: Statement) -> bool:
    try:
        public.verify(bytes.fromhex(anchor.signature), anchor.signed)
    except (InvalidSignature, ValueError):
        return False
    return True


def _read_line(line: str) -> Anchor:
    try:
        return Anchor(**json.loads(line))
    except (ValueError, TypeError):
        return Anchor(0, "", "", 0, "", line)
