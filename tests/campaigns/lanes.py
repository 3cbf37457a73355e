"""Lanes: pieces of a campaign side by side, each lane in a process of its own."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any


def side_by_side(
    pieces: int, work: Callable[[int], dict[str, Any]], folder: Path, lanes: int = 2
) -> list[Any]:
    """Do `pieces` pieces of work, each in whichever lane is free.

    Returns:
        What each told, in the order in which they ended.

    Raises:
        RuntimeError: A lane died; what it did is lost.
    """
    queue, writer = os.pipe()
    os.write(writer, bytes(range(pieces)))
    os.close(writer)
    pids = [_lane(queue, work, folder / f"lane-{number}.jsonl") for number in range(lanes)]
    died = [os.waitpid(pid, 0)[1] for pid in pids]
    os.close(queue)
    if any(died):
        msg = "a lane of the campaign died; its error is above"
        raise RuntimeError(msg)
    return [*_read(folder)]


def _lane(queue: int, work: Callable[[int], dict[str, Any]], told: Path) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        while chosen := os.read(queue, 1):
            line = json.dumps(work(chosen[0]))
            with told.open("a") as file:
                file.write(f"{line}\n")
        code = 0
    except BaseException:  # noqa: BLE001 - whatever it is, nothing of the parent's may run here
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


def _read(folder: Path) -> Iterator[Any]:
    for path in sorted(folder.glob("lane-*.jsonl")):
        for line in path.read_text().splitlines():
            yield json.loads(line)
