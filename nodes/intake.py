"""Intake: a file becomes a typed document, its text untrusted and its sender verified or not."""

from __future__ import annotations

import asyncio
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from governance.errors import InvalidInput
from nodes.mail import read_mail
from nodes.parts import HEAD_BYTES, Part, check_size, read_part


class Document(BaseModel):
    """What came in, with its origin.

    Attributes:
        name: File name, without folders.
        parts: Its texts, attachments included; all of them untrusted.
        sender: E-mail address of a mail's sender.
        sender_verified: Our own mail server vouches for `sender`; never what the text says.
        how: What that rests on, or why it isn't so.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    parts: tuple[Part, ...]
    sender: str | None = None
    sender_verified: bool = False
    how: str = "no mail, so nobody signed it"

    @property
    def notes(self) -> list[str]:
        """What a reader must know about how it was read."""
        return [part.note for part in self.parts if part.note]


async def read_document(source: str | Path | tuple[str, bytes]) -> Document:
    """Read a `.eml`, `.pdf`, `.txt` or `.json` document; the file itself is never touched.

    Args:
        source: A path, or a name with the file's bytes.

    Raises:
        InvalidInput: It can't be read; the message says what to do.
    """
    return await asyncio.to_thread(_read, source)


def _read(source: str | Path | tuple[str, bytes]) -> Document:
    name, data = source if isinstance(source, tuple) else _load(Path(source))
    check_size(name, len(data))
    if name.lower().endswith(".eml") and data.strip() and b"%PDF-" not in data[:HEAD_BYTES]:
        if b"\x00" in data:
            msg = f"{name} is no mail; send .eml, .pdf, .txt or .json"
            raise InvalidInput(msg)
        sender, parts = read_mail(name, data)
        return Document(
            name=name,
            parts=tuple(parts),
            sender=sender.address,
            sender_verified=sender.verified,
            how=sender.how,
        )
    return Document(name=name, parts=(read_part(name, data),))


def _load(path: Path) -> tuple[str, bytes]:
    try:
        if not path.is_file():
            problem = "is a folder or a device" if path.exists() else "was not found"
            msg = f"{path} {problem}; give the path of a .eml, .pdf, .txt or .json file"
            raise InvalidInput(msg)
        check_size(path.name, path.stat().st_size)
        return path.name, path.read_bytes()
    except OSError as error:
        msg = f"{path} can't be read ({error.strerror}); check who may read it"
        raise InvalidInput(msg) from error
