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
    threads = len(os.listdir("/proc/self/task"))
    if threads > 1:
        msg = f"this process has {threads} threads and must not fork; load what starts them in the child"
        raise RuntimeError(msg)


def live(work: Callable[[Tell], None], *, kill_after: float | None = None, patience: float = 60) -> Life:
    """Let a child do `work`, and wait for its end.

    Args:
        kill_after: Seconds until it is killed, if it still runs.
        patience: Seconds after which it counts as hanging.
    """
    reader, writer = os.pipe()
    begun = time.monotonic()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        _child(work, writer)
    os.close(writer)
    life, said = Life(), b""
    deadline = begun + (patience if kill_after is None else kill_after)
    while True:
        ready, _, _ = select.select([reader], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            os.kill(pid, signal.SIGKILL)
            life.hung = kill_after is None
            deadline = begun + 2 * patience
            continue
        piece = os.read(reader, 65536)
        if not piece:
            break
        said += piece
    os.close(reader)
    _, status = os.waitpid(pid, 0)
    life.killed = os.WIFSIGNALED(status) and not life.hung
    life.seconds = time.monotonic() - begun
    for line in said.split(b"\n")[:-1]:
        life.told |= json.loads(line)
    return life


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
