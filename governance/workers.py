"""Workers: which processes are alive, so that what a dead one began can be taken over at once."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path
from uuid import uuid4

try:
    import fcntl
except ImportError:  # Windows has none: there a dead worker's acts wait for their lease to end
    fcntl = None  # type: ignore[assignment]

from governance.connections import private_folder

_KEPT_SECONDS = 7 * 24 * 3600


class Worker:
    """This process as a worker: it holds a lock on a file that the system releases when it dies.

    Two workers on machines that don't share `home` can't see each other's lock; then the lease decides.
    """

    def __init__(self, home: Path) -> None:
        self.id = f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:12]}"
        self._folder = home / "workers"
        self._held: int | None = None

    def start(self) -> None:
        """Take the lock, once; creates the file."""
        if self._held is None and fcntl:
            private_folder(self._folder)
            self._sweep()
            self._held = os.open(self._path(self.id), os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def died(self, worker_id: str) -> bool:
        """Whether it is certain that a worker is gone."""
        if worker_id == self.id or not fcntl:
            return False
        path = self._path(worker_id)
        try:
            descriptor = os.open(path, os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            os.close(descriptor)
        return True

    def stop(self) -> None:
        """Let go of the lock; what was begun and not ended counts as abandoned."""
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def _sweep(self) -> None:
        """Remove files so old that every lease of theirs is long over."""
        for path in self._folder.glob("*.lock"):
            if path.stat().st_mtime < time.time() - _KEPT_SECONDS:
                path.unlink(missing_ok=True)

    def _path(self, worker_id: str) -> Path:
        return self._folder / f"{worker_id.replace(':', '-')}.lock"
