"""Inbox: a folder whose files are taken once they are whole, and moved aside once they are handled."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from governance.errors import InvalidInput
from nodes.parts import MAX_BYTES, check_size

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]

DONE, REFUSED = "done", "refused"
LOCK = ".tower-watch"
UNFINISHED = (".part", ".tmp", ".crdownload", "~")
"""Endings under which others write a file that they rename once it is whole."""

Look = tuple[int, int]


class Inbox:
    """A folder in which documents arrive; blocks on the disk."""

    def __init__(self, folder: Path) -> None:
        """Open the folder.

        Raises:
            InvalidInput: It isn't there, or can't be written to.
        """
        self.folder = folder
        self._seen: dict[Path, Look] = {}
        try:
            for name in (DONE, REFUSED):
                (folder / name).mkdir(exist_ok=True)
        except OSError as error:
            msg = f"{folder} can't be watched ({error.strerror}); create it and let this user write to it"
            raise InvalidInput(msg) from error

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Keep other watchers of this machine out; False where one is in. The system lets go if we die."""
        with (self.folder / LOCK).open("w") as held:
            try:
                if fcntl:
                    fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True

    def whole(self) -> tuple[list[Path], list[Path]]:
        """Files that haven't changed since the last look, oldest first, and those that have."""
        now = {path: look for path in self.folder.iterdir() if (look := _look(path))}
        still = [path for path, look in now.items() if self._seen.get(path) == look]
        self._seen = now
        return sorted(still, key=lambda path: (now[path][1], path.name)), sorted(now.keys() - set(still))

    def read(self, path: Path) -> bytes | None:
        """The file's content; None if it changed while it was read, or is gone.

        Raises:
            InvalidInput: It is no file, can't be read, or is too large.
        """
        before = _look(path)
        if before is None:
            return None
        if path.is_symlink() or not path.is_file():
            msg = f"{path.name} is a link or a device; put the file itself into the folder"
            raise InvalidInput(msg)
        check_size(path.name, before[0])
        try:
            with path.open("rb") as file:
                data = file.read(MAX_BYTES + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            msg = f"{path.name} can't be read ({error.strerror}); check who may read it"
            raise InvalidInput(msg) from error
        return data if _look(path) == before else None

    def done(self, path: Path) -> None:
        """Move a handled file aside."""
        self._move(path, DONE)

    def refuse(self, path: Path, reason: str) -> None:
        """Move an unusable file aside, with the reason beside it."""
        moved = self._move(path, REFUSED)
        moved.with_name(f"{moved.name}.why.txt").write_text(f"{reason}\n", encoding="utf-8")

    def _move(self, path: Path, where: str) -> Path:
        to, number = self.folder / where / path.name, 1
        while to.exists():
            number += 1
            to = self.folder / where / f"{path.stem}-{number}{path.suffix}"
        path.rename(to)
        return to


def _look(path: Path) -> Look | None:
    """Size and time of the last change of something that may be a document; None for anything else."""
    if path.name.startswith(".") or path.name.endswith(UNFINISHED):
        return None
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    return None if stat.S_ISDIR(found.st_mode) else (found.st_size, found.st_mtime_ns)
