"""Forks: a piece of work in a process of its own that starts with everything loaded, and may be killed."""

from __future__ import annotations

import json
import os
import select
import signal
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Tell = Callable[[dict[str, Any]], None]
"""Says something to the parent; what was said before a kill arrives."""


@dataclass
class Life:
    """What came of a process.

    Attributes:
        told: All that it said, merged.
        killed: It was killed, by itself or from outside.
        hung: It ran for longer than it may, which is never right.
        seconds: How long it lived.
    """

    told: dict[str, Any] = field(default_factory=dict)
    killed: bool = False
    hung: bool = False
    seconds: float = 0


def alone() -> None:
    """Refuse to go on in a process that has threads: they would be missing in each child, their locks held.

    Raises:
        RuntimeError: There are some.
    """
    threads = len([*Path("/proc/self/task").iterdir()])
    if threads > 1:
        msg = f"this process has {threads} threads and must not fork; load what starts them in the child"
        raise RuntimeError(msg)


class Child:
    """A process that works, and says what it has to say through a pipe."""

    def __init__(self, work: Callable[[Tell], None]) -> None:
        self.begun = time.monotonic()
        self._reader, writer = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self._reader)
            _child(work, writer)
        os.close(writer)

    def end(self, *, kill_after: float | None = None, patience: float = 60) -> Life:
        """Wait for its end.

        Args:
            kill_after: Seconds of its life until it is killed, if it still runs.
            patience: Seconds after which it counts as hanging.
        """
        life, said = Life(), b""
        deadline = self.begun + (patience if kill_after is None else kill_after)
        while True:
            ready, _, _ = select.select([self._reader], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                os.kill(self.pid, signal.SIGKILL)
                life.hung = kill_after is None
                deadline = time.monotonic() + patience
                continue
            piece = os.read(self._reader, 65536)
            if not piece:
                break
            said += piece
        os.close(self._reader)
        _, status = os.waitpid(self.pid, 0)
        life.killed = os.WIFSIGNALED(status) and not life.hung
        life.seconds = time.monotonic() - self.begun
        for line in said.split(b"\n")[:-1]:
            life.told |= json.loads(line)
        return life


def live(work: Callable[[Tell], None], *, kill_after: float | None = None, patience: float = 60) -> Life:
    """Let a child do `work`, and wait for its end."""
    return Child(work).end(kill_after=kill_after, patience=patience)


def _child(work: Callable[[Tell], None], writer: int) -> None:
    """Do the work and leave at once, without what the parent has registered for its own end."""

    def tell(message: dict[str, Any]) -> None:
        os.write(writer, json.dumps(message).encode() + b"\n")

    try:
        work(tell)
    except BaseException:  # noqa: BLE001 - whatever it is, the parent reports it
        tell({"raised": traceback.format_exc()})
    finally:
        os._exit(0)
