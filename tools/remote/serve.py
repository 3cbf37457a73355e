"""Serve: a system's own process, on loopback, for whoever shows its key and no longer than it is wanted."""

from __future__ import annotations

import argparse
import hmac
import os
import socket
import sys
import threading
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

import uvicorn
from starlette.responses import JSONResponse

from tools.remote.system import System

Message = MutableMapping[str, Any]
Application = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]
]
"""An ASGI application."""


def serve(system: System, application: Application, path: str = "") -> None:
    """Serve until it is told to stop; the first line on stdout says where it is, as a shell would set it.

    With `--with-parent` it ends when its stdin does, which is when its parent is gone, however that died.
    """
    parser = argparse.ArgumentParser(
        prog=system.process, description=f"The {system.name} system, on loopback."
    )
    parser.add_argument("--port", type=int, default=0, help="a free one by default")
    parser.add_argument("--with-parent", action="store_true", help="end when stdin ends")
    options = parser.parse_args()
    guarded = _Guarded(application, system.key())
    with socket.create_server(("127.0.0.1", options.port), backlog=128) as listening:
        if options.with_parent:
            threading.Thread(target=_end_with_parent, daemon=True).start()
        port = listening.getsockname()[1]
        print(f"TOWER_{system.name.upper()}_URL=http://127.0.0.1:{port}{path}", flush=True)  # noqa: T201
        config = uvicorn.Config(guarded, log_level="warning", access_log=False, timeout_graceful_shutdown=1)
        uvicorn.Server(config).run(sockets=[listening])


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


class _Guarded:
    """Lets nobody in without the system's key."""

    def __init__(self, application: Application, key: str) -> None:
        self._application = application
        self._expected = f"Bearer {key}".encode()

    async def __call__(self, scope: Message, receive: Any, send: Any) -> None:
        headers: Mapping[bytes, bytes] = dict(scope.get("headers", ()))
        shown = headers.get(b"authorization", b"")
        if scope["type"] == "lifespan" or hmac.compare_digest(shown, self._expected):
            await self._application(scope, receive, send)
            return
        await JSONResponse({"error": "no valid key was shown"}, 401)(scope, receive, send)
