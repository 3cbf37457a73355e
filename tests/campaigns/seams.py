"""Seams: the named places where a process can die, each on one side of something durable."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable
from typing import Any

from governance import runs
from governance.acts import Clearance
from governance.control import ControlPlane
from governance.gate import Gate
from memory.postgres_saver import PostgresSaver
from memory.sqlite_saver import SqliteSaver

SEAMS = (
    "before clear", "inside clear", "after clear",
    "before answer", "after answer",
    "before effect", "after effect",
    "before settle", "inside settle", "after settle",
    "before writes", "after writes", "before checkpoint", "after checkpoint",
    "before conclude", "inside conclude", "after conclude",
)  # fmt: skip
"""`inside` is within the transaction, when all is written and nothing is committed."""


class Deadly:
    """Counts how often a process passes each seam, and kills it at the one that was chosen.

    Attributes:
        at: A seam and how many times it is passed before; None is never.
    """

    def __init__(self, at: tuple[str, int] | None) -> None:
        self.at = at
        self.passed: Counter[str] = Counter()

    def __call__(self, seam: str) -> None:
        if self.at == (seam, self.passed[seam]):
            os.kill(os.getpid(), signal.SIGKILL)
        self.passed[seam] += 1

    def install(self, plane: ControlPlane, cleared: Callable[[Clearance], None]) -> None:
        """Put the seams into this process; `cleared` is told of each act before it is carried out."""
        clear = plane.clear

        async def asked(act: Any) -> Clearance:
            self("before clear")
            clearance = await clear(act)
            self("after clear")
            cleared(clearance)
            return clearance

        plane.clear = asked  # type: ignore[method-assign]
        self._around(plane, "settle", "settle")
        self._around(plane, "conclude", "conclude")
        for saver in (SqliteSaver, PostgresSaver):
            self._around(saver, "aput", "checkpoint")
            self._around(saver, "aput_writes", "writes")
        self._within(Gate, "clear", "inside clear")
        self._within(Gate, "settle", "inside settle")
        self._within(runs, "close", "inside conclude")

    def _around(self, owner: Any, name: str, seam: str) -> None:
        whole = getattr(owner, name)

        async def seamed(*args: Any, **more: Any) -> Any:
            self(f"before {seam}")
            done = await whole(*args, **more)
            self(f"after {seam}")
            return done

        setattr(owner, name, seamed)

    def _within(self, owner: Any, name: str, seam: str) -> None:
        whole = getattr(owner, name)

        def seamed(*args: Any, **more: Any) -> Any:
            done = whole(*args, **more)
            self(seam)
            return done

        setattr(owner, name, seamed)
