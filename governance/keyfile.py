"""Key files: secrets of this deployment, made at first use and readable by their owner alone."""

from __future__ import annotations

import os
import secrets
import threading
from pathlib import Path

from governance.connections import private_folder
from governance.errors import ControlUnavailable


def read_or_create(path: Path, *, prefix: str = "") -> str:
    """The key in `path`; of several processes at once the first creates it.

    Args:
        prefix: What a new key starts with; 256 random bits follow.

    Raises:
        ControlUnavailable: The file can't be read or created, or is empty.
    """
    try:
        if not path.exists():
            _create(path, prefix + secrets.token_urlsafe(32))
        key = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        msg = f"key file {path} can't be used ({error}); restore it from your backup"
        raise ControlUnavailable(msg) from error
    if not key:
        msg = f"key file {path} is empty; restore it from your backup"
        raise ControlUnavailable(msg)
    return key


def _create(path: Path, key: str) -> None:
    private_folder(path.parent)
    draft = path.with_suffix(f".{os.getpid()}.{threading.get_ident()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(key + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    except FileExistsError:
        return
    finally:
        draft.unlink()
