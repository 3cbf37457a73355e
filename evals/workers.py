"""Workers: processes that judge cases, and end with the one that started them, however that ended."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.context import BaseContext
from threading import Thread


def processes(count: int, context: BaseContext, tasks_each: int | None = None) -> ProcessPoolExecutor:
    """Start processes; unlike the library's own they don't wait for ever for a parent that was killed.

    Args:
        tasks_each: After so many a process is replaced; never if None.
    """
    return ProcessPoolExecutor(count, context, _end_with_parent, max_tasks_per_child=tasks_each)


def _end_with_parent() -> None:
    Thread(target=_wait, daemon=True).start()


def _wait() -> None:
    if parent := multiprocessing.parent_process():
        parent.join()
        os._exit(1)
