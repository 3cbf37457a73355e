"""Who kills an evaluation leaves none of its processes behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress

import pytest

STARTS = """
import multiprocessing, os, signal, time
from evals.workers import processes
if __name__ == "__main__":
    with processes(2, multiprocessing.get_context(METHOD)) as pool:
        jobs = [pool.submit(time.sleep, at) for at in (0, BUSY, BUSY)]
        jobs[0].result()
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(("method", "busy"), [("spawn", 0), ("spawn", 60), ("forkserver", 60)])
def test_processes_end_with_the_one_that_started_them(tmp_path, method, busy):
    program = tmp_path / "starts.py"
    program.write_text(STARTS.replace("METHOD", repr(method)).replace("BUSY", str(busy)))
    # Whatever is left of it holds the pipe, so that this returns only once nobody is.
    started = subprocess.Popen([sys.executable, program], stdout=subprocess.PIPE, start_new_session=True)
    try:
        started.communicate(timeout=10)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(started.pid, signal.SIGKILL)

    assert started.returncode == -signal.SIGKILL
