"""Drain: a process that is asked to end finishes the steps in flight, then stops between two."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from langgraph.runtime import RunControl


@contextmanager
def draining() -> Iterator[RunControl]:
    """Let SIGTERM ask the runs that are driven meanwhile to stop; a second one ends the process at once."""
    loop, control = asyncio.get_running_loop(), RunControl()

    def asked() -> None:
        control.request_drain("SIGTERM")
        loop.remove_signal_handler(signal.SIGTERM)

    loop.add_signal_handler(signal.SIGTERM, asked)
    try:
        yield control
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
