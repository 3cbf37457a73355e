"""`make dev` starts one server on a checkout, on the port that was asked for, or says why not."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
NAMES = ("LANGSMITH_CONTROL_PLANE_API_KEY", "LANGSMITH_TRACING")
# Stands for LangGraph's server: says how it was started, and serves until its input ends.
SERVER = f"""
import os, sys
print(sys.argv[1:], [os.environ.get(name) for name in {NAMES}], flush=True)
sys.stdin.read()
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "langgraph_cli").mkdir()
    (tmp_path / "langgraph_cli" / "__init__.py").touch()
    (tmp_path / "langgraph_cli" / "__main__.py").write_text(SERVER)
    return tmp_path


def dev(checkout: Path, *args: str, **env: str) -> subprocess.Popen[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LANG")}
    pipe = subprocess.PIPE
    command = [sys.executable, str(ROOT / "scripts" / "dev.py"), *args]
    return subprocess.Popen(
        command, cwd=checkout, env=kept | env, text=True, stdin=pipe, stdout=pipe, stderr=pipe
    )


def free_port() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


def test_a_second_server_on_a_checkout_is_refused_until_the_first_has_ended(checkout: Path):
    with dev(checkout, "--port", free_port()) as first:
        assert first.stdout
        assert "dev" in first.stdout.readline()

        _, said = dev(checkout, "--port", free_port()).communicate()
        assert "already served" in said
        assert "end that server" in said

        first.kill()
        first.wait()
    again, said = dev(checkout, "--port", free_port()).communicate()
    assert "--port" in again, said


def test_a_taken_port_is_refused(checkout: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        refused = dev(checkout, "--port", "2024", f"--port={port}")
        out, said = refused.communicate()

    assert out == ""
    assert f"port {port} of 127.0.0.1 is taken" in said
    assert "make dev PORT=" in said
    assert refused.returncode == 1


def test_nobody_else_reads_what_the_server_keeps(checkout: Path):
    (checkout / ".langgraph_api").mkdir(mode=0o755)

    dev(checkout, "--port", free_port()).communicate()

    assert (checkout / ".langgraph_api").stat().st_mode & 0o777 == 0o700


def test_usage_is_not_posted_and_runs_are_traced_where_there_is_a_key(checkout: Path):
    def started(**env: str) -> str:
        return dev(checkout, "--port", free_port(), **env).communicate()[0]

    assert "['', 'false']" in started(LANGSMITH_TRACING="true")
    assert "['', 'true']" in started(LANGSMITH_API_KEY="key")
    assert "['', 'false']" in started(LANGSMITH_API_KEY="key", LANGSMITH_TRACING="false")
    assert "['own', 'false']" in started(LANGSMITH_CONTROL_PLANE_API_KEY="own")
    (checkout / ".env").write_text("LANGSMITH_API_KEY=key\n")
    assert "['', 'true']" in started()
