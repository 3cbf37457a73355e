"""Nothing is sent to any network without being configured, and nobody's name is looked up."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

INSIDE = """
import errno, fcntl, os, pathlib, socket, struct, subprocess, sys, threading
UP, SET, GET = 0x1, 0x8914, 0x8913
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
    request = struct.pack("16sh14x", b"lo", 0)
    flags = struct.unpack("16sh14x", fcntl.ioctl(control, GET, request))[1]
    fcntl.ioctl(control, SET, struct.pack("16sh14x", b"lo", flags | UP))
try:
    socket.create_connection(("192.0.2.1", 443), timeout=5)
except OSError as error:
    assert error.errno == errno.ENETUNREACH, error
    print("outside: refused", flush=True)
else:
    sys.exit("the guard let a connection out")

names = pathlib.Path(sys.argv[1])
(conf := names.with_suffix(".conf")).write_text("nameserver 127.0.0.1\\n")
subprocess.run(["mount", "--bind", conf, "/etc/resolv.conf"], check=True)
asked = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
asked.bind(("127.0.0.1", 53))

def listen():
    while True:
        query = asked.recv(4096)
        with names.open("ab") as file:
            file.write(query[12:] + bytes([10]))

threading.Thread(target=listen, daemon=True).start()
sys.exit(subprocess.run(sys.argv[2:]).returncode)
"""
"""Whoever looks a name up asks us, so that what is only tried, in vain or by a library, is seen too."""


def isolated(command: list[str], home: Path) -> subprocess.CompletedProcess[str]:
    """Run a command, with all its children, in a network namespace that has loopback and nothing else.

    The names that it looks up are in the file `names` beside its home, and its user's home is new.
    """
    if not shutil.which("unshare"):
        pytest.skip("no `unshare` on this system: network namespaces are a Linux thing")
    user = [] if os.geteuid() == 0 else ["--map-root-user"]
    outside = home.parent / "user"
    outside.mkdir()
    kept = {name: value for name, value in os.environ.items() if name != "CI"}  # some libraries heed it
    probe = subprocess.run(["unshare", *user, "--net", "--mount", "true"], capture_output=True, check=False)
    if probe.returncode:
        pytest.skip("this system doesn't allow network namespaces")
    return subprocess.run(
        ["unshare", *user, "--net", "--mount", sys.executable, "-c", INSIDE, home.parent / "names", *command],
        cwd=ROOT,
        env={**kept, "TOWER_HOME": str(home), "HOME": str(outside)},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


INBOX = ROOT / "examples" / "inbox"
QUESTION = ("run", "--graph", "adaptive", str(INBOX / "04-wording-question.eml"))


@pytest.mark.parametrize(
    "command", [QUESTION, pytest.param(("demo",), marks=pytest.mark.slow)], ids=["question", "demo"]
)
def test_nothing_is_looked_up_and_nothing_kept_outside(tmp_path, command):
    """The question loads the embeddings, the index and each library that a run needs; the demo all graphs."""
    ran = isolated([sys.executable, "-m", "cli.main", *command], tmp_path / "home")

    assert ran.stdout.startswith("outside: refused"), ran.stderr
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-3000:]
    assert not (tmp_path / "names").exists(), (tmp_path / "names").read_bytes()
    assert list((tmp_path / "user").rglob("*")) == [], "nothing is kept outside of TOWER_HOME"


def test_a_demo_that_is_told_to_call_out_notices_the_guard(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", "http://192.0.2.1:9/v1")
    question = "Is luggage covered?"
    ran = isolated(
        [sys.executable, "-m", "cli.main", "run", "--graph", "direct", question], tmp_path / "home"
    )

    assert ran.returncode != 0
    assert "where nobody listens" in " ".join(ran.stderr.split())
