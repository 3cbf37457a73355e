"""Forking: `tower` commands in processes of their own that start with their modules loaded already.

A fresh interpreter spends three seconds on imports before it does anything. Here one process imports
what a run needs, builds and reads nothing, and forks for each command; `tests/test_network.py` and
`tests/test_input.py` start the command the way a user does.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).parent.parent
LIBRARIES = (
    "typer.main", "rich.console", "rich.table", "pydantic", "cedarpy", "psycopg", "cryptography",
    "sqlalchemy.orm", "sqlalchemy.dialects.postgresql", "langchain_core.messages", "langgraph.graph",
    "langgraph.checkpoint.sqlite.aio", "numpy",
)  # fmt: skip
OURS = (
    "cli.main", "cli.session", "cli.drive", "cli.intake", "models.offline.chat", "graphs.desk.adaptive",
    "graphs.desk.domain",
)  # fmt: skip
"""Modules of the tree that most commands use; a tree without the desk goes without the last two."""
ALONE = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
"""A process with threads must not fork."""


class Forked:
    """A command that runs, with the part of `subprocess.Popen` that tests use."""

    def __init__(self, forker: Forker, pid: int, out: int, err: int) -> None:
        self.pid = pid
        self.stdout: IO[str] = os.fdopen(out, encoding="utf-8", errors="replace")
        self.stderr: IO[str] = os.fdopen(err, encoding="utf-8", errors="replace")
        self._forker = forker

    @property
    def returncode(self) -> int | None:
        return self.poll()

    def poll(self) -> int | None:
        """The exit code as `subprocess` gives it, or None while it runs."""
        return self._forker.ended(self.pid, timeout=0)

    def send_signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):  # it ended since we looked
            if self.poll() is None:
                os.kill(self.pid, number)

    def communicate(self, timeout: float = 120) -> tuple[str, str]:
        """All that it says until it ends.

        Raises:
            subprocess.TimeoutExpired: It runs on; it is killed.
        """
        said: list[str] = []
        reader = threading.Thread(target=lambda: said.append(self.stdout.read()))
        reader.start()
        stopper = threading.Timer(timeout, self.send_signal, [signal.SIGKILL])
        stopper.start()
        errors = self.stderr.read()
        reader.join()
        self._forker.ended(self.pid, timeout=timeout)
        if not stopper.is_alive():
            raise subprocess.TimeoutExpired(["tower"], timeout, said[0], errors)
        stopper.cancel()
        self.stdout.close()
        self.stderr.close()
        return said[0], errors


class Forker:
    """A process that has the libraries loaded and forks on request; `root` is the tree it runs."""

    def __init__(self, root: Path = ROOT) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, "-m", "tests.forking", str(theirs.fileno())]
        self._process = subprocess.Popen(
            command, cwd=root, env=os.environ | ALONE, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL
        )
        theirs.close()
        self._socket = ours
        self._lock = threading.Lock()
        self._ended: dict[int, int] = {}
        self._begun: list[int] = []

    def start(self, argv: Sequence[str], env: Mapping[str, str], cwd: Path) -> Forked:
        """Run `tower` with these arguments."""
        out, out_end = os.pipe()
        err, err_end = os.pipe()
        request = json.dumps({"argv": list(argv), "env": dict(env), "cwd": str(cwd)}).encode()
        with self._lock:
            socket.send_fds(self._socket, [request], [out_end, err_end])
            os.close(out_end)
            os.close(err_end)
            while not self._begun:
                self._listen(None)
            return Forked(self, self._begun.pop(), out, err)

    def ended(self, pid: int, timeout: float) -> int | None:
        """The exit code of a command, or None if it still runs after `timeout` seconds."""
        with self._lock:
            while pid not in self._ended and self._listen(timeout):
                pass
            return self._ended.get(pid)

    def close(self) -> None:
        self._socket.close()
        self._process.wait(timeout=10)

    def _listen(self, timeout: float | None) -> bool:
        self._socket.settimeout(timeout)
        try:
            message = json.loads(self._socket.recv(4096))
        except (BlockingIOError, TimeoutError):
            return False
        if "code" in message:
            self._ended[message["pid"]] = message["code"]
        else:
            self._begun.append(message["pid"])
        return True


def serve(link: socket.socket) -> None:
    """Fork for each request until the other end closes; in the child, return from here to run it."""
    for library in LIBRARIES:
        importlib.import_module(library)
    for module in OURS:
        with contextlib.suppress(ModuleNotFoundError):
            importlib.import_module(module)
    gc.collect()
    gc.freeze()  # else each child touches, and so copies, all of it
    waker, woken = socket.socketpair()
    waker.setblocking(False)
    signal.set_wakeup_fd(waker.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    ready = selectors.DefaultSelector()
    ready.register(link, selectors.EVENT_READ)
    ready.register(woken, selectors.EVENT_READ)
    while True:
        for key, _ in ready.select():
            if key.fileobj is woken:
                woken.recv(4096)
                _reap(link)
                continue
            request, fds, _, _ = socket.recv_fds(link, 1 << 20, 2)
            if not request:
                os._exit(0)
            pid = os.fork()
            if pid == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                for end in (waker, woken, link):
                    end.close()
                return _become(json.loads(request), *fds)
            for fd in fds:
                os.close(fd)
            link.send(json.dumps({"pid": pid}).encode())


def _reap(link: socket.socket) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        link.send(json.dumps({"pid": pid, "code": os.waitstatus_to_exitcode(status)}).encode())


def _become(request: Mapping[str, Any], out: int, err: int) -> None:
    os.dup2(out, 1)
    os.dup2(err, 2)
    os.close(out)
    os.close(err)
    os.chdir(str(request["cwd"]))
    os.environ.clear()
    os.environ.update(request["env"])
    sys.argv = ["tower", *request["argv"]]
    vars(sys.modules["governance.settings"])["_STARTED_IN"] = Path.cwd()  # it looked once, in the parent
    sys.modules["__main__"].__package__ = None  # what usage errors call the program


def _end(code: object) -> None:
    """Leave as the interpreter does, without taking all those libraries apart first."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
    from cli.main import main

    try:
        main()
    except SystemExit as ended:
        _end(ended.code)
    _end(None)
