"""A real `langgraph dev` on loopback, with a home of its own, ended by its own process id."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from langgraph_sdk import get_sync_client
from langgraph_sdk.client import SyncLangGraphClient

ROOT = Path(__file__).resolve().parents[2]
STARTS_WITHIN = 60


@dataclass
class Server:
    """A server in a folder of its own; `home` outlives it.

    Attributes:
        config: What stands in its `langgraph.json`.
        env: More environment for it.
    """

    folder: Path
    config: dict[str, Any]
    env: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    url: str = ""

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def log(self) -> str:
        return (self.folder / "server.log").read_text(encoding="utf-8", errors="replace")

    def start(self, *, works: bool = True) -> Server:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "langgraph.json").write_text(json.dumps(self.config))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        flags = ["--no-browser", "--no-reload", "--port", str(port), "--n-jobs-per-worker", "10"]
        environment = {
            **{
                name: value
                for name, value in os.environ.items()
                if name in ("PATH", "HOME", "LANG", "TMPDIR", "TOWER_VECTORS")
            },
            "TOWER_HOME": str(self.home),
            "PYTHONPATH": str(ROOT),
            "LANGGRAPH_CLI_NO_ANALYTICS": "1",
            "LANGGRAPH_NO_VERSION_CHECK": "true",
            **self.env,
        }
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "langgraph_cli", "dev", *flags],
                cwd=self.folder,
                env=environment,
                stdout=log,
                stderr=log,
            )
        # A port that was taken meanwhile silently becomes another one; then nobody answers here.
        self.url = f"http://127.0.0.1:{port}"
        self._wait()
        if works:
            self._recognise()
        return self

    def _wait(self) -> None:
        assert self.process
        deadline = time.monotonic() + STARTS_WITHIN
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log[-4000:]
            try:
                if httpx.get(f"{self.url}/ok", timeout=2).status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.1)
        msg = f"the server didn't answer in {STARTS_WITHIN} s:\n{self.log[-4000:]}"
        raise TimeoutError(msg)

    def _recognise(self) -> None:
        """Keys are new for each home, so a server that knows one is no other; the first call makes them."""
        httpx.post(f"{self.url}/assistants/search", headers={"x-api-key": "nobody.x"}, json={}, timeout=30)
        headers = {"x-api-key": self.key("sam")}
        found = httpx.post(f"{self.url}/assistants/search", headers=headers, json={}, timeout=30)
        assert found.status_code == 200, "this is not the server that was started"

    def kill(self, how: signal.Signals = signal.SIGKILL) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def flush(self) -> None:
        """Wait until the server has written its own lists to disk, which it does every 10 seconds."""
        lists = self.folder / ".langgraph_api" / ".langgraph_ops.pckl"
        since, deadline = time.time(), time.monotonic() + 30
        while not (lists.exists() and lists.stat().st_mtime > since):
            assert time.monotonic() < deadline, "the server wrote nothing"
            time.sleep(0.2)

    def key(self, user: str) -> str:
        return (self.home / "keys" / f"{user}.key").read_text().strip()

    @contextmanager
    def as_(self, user: str) -> Iterator[SyncLangGraphClient]:
        """The SDK's client with a person's key."""
        with get_sync_client(url=self.url, api_key=self.key(user), timeout=120) as client:
            yield client
