"""Pages: a page's ```sh blocks, and a `./tower` for them that a process with its libraries loaded forks."""

from __future__ import annotations

import json
import os
import re
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.forking import Forker

TOWER = f"""#!{sys.executable} -SE
import json, os, socket, sys
link = socket.socket(socket.AF_UNIX)
link.connect(os.environ["TOWER_TEST_LINK"])
link.sendall(json.dumps([sys.argv[1:], dict(os.environ), os.getcwd()]).encode() + b"\\n")
code, said, errors = json.loads(link.makefile().read())
sys.stdout.write(said)
sys.stderr.write(errors)
sys.exit(code)
"""
"""Asks the test's process to fork it, which saves two seconds of imports."""


def blocks(page: Path) -> list[str]:
    """What a reader is to type, in order."""
    return re.findall(r"^```sh\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


@contextmanager
def linked(folder: Path, forker: Forker) -> Iterator[Path]:
    """Put a `./tower` into a folder, whose commands are forked until the end.

    Yields:
        What `TOWER_TEST_LINK` must be for it.
    """
    tower, link = folder / "tower", folder / "link"
    tower.write_text(TOWER)
    tower.chmod(0o700)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(os.path.relpath(link))  # an address has at most 108 bytes
    listener.listen()

    def serve() -> None:
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            with peer:
                argv, env, cwd = json.loads(peer.makefile().readline())
                process = forker.start(argv, env, Path(cwd))
                said, errors = process.communicate()
                peer.sendall(json.dumps([process.poll(), said, errors]).encode())

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield link
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
