"""One server for the ticket office, shared by the tests of the door."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.server.running import Server

OFFICE: dict[str, Any] = {
    "dependencies": ["."],
    "graphs": {
        name: {"path": f"tests.server.office_app:{name}", "description": f"A {name} refund."}
        for name in ("small", "large")
    },
    "checkpointer": {"path": "memory.checkpoints.server_checkpointer"},
    "auth": {"path": "tests.server.office_app:auth", "disable_studio_auth": True},
    "http": {
        "app": "graphs.http_app:app",
        "middleware_order": "auth_first",
        "disable_store": True,
        "disable_mcp": True,
        "disable_a2a": True,
    },
}


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    started = Server(tmp_path_factory.mktemp("office"), OFFICE)
    try:
        yield started.start()
    finally:
        started.kill()
