"""Processes: remote systems started beside this process, found through its environment, and ended with it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from governance.errors import ControlUnavailable
from tools.remote.system import System

ENDS_WITHIN_SECONDS = 5


@contextmanager
def started(systems: Sequence[System]) -> Iterator[None]:
    """Run these systems while the block runs; this process and its children ask them. Blocks on their start.

    A system ends when this process does, whichever way: its stdin is a pipe from here.

    Raises:
        ControlUnavailable: One didn't start; what it said is in the message.
    """
    with ExitStack() as stack:
        processes = [(system, stack.enter_context(_process(system.process))) for system in systems]
        for system, process in processes:
            assert process.stdout  # noqa: S101 - a pipe was asked for
            line = process.stdout.readline()
            name, _, url = line.strip().partition("=")
            if not url:
                msg = f"{system.name} didn't start; run `python -m {system.process}` to see why"
                raise ControlUnavailable(msg)
            stack.callback(process.terminate)  # all of them, before anybody waits for one
            stack.callback(_put_back, name, os.environ.get(name))
            os.environ[name] = url
        yield


def _put_back(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value


@contextmanager
def _process(module: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", module, "--with-parent"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(ENDS_WITHIN_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
