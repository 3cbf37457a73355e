"""HTTP app: closes what the development server would answer to anybody, and says whether it could act."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from langgraph_sdk import Auth
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from governance.control import control
from governance.errors import ControlUnavailable
from graphs.http import WRONG_KEYS, authenticate
from graphs.http_effects import ROUTES
from nodes.parts import MAX_BYTES

CLOSED = ("/internal/", "/deploy")
"""Wipes all threads, shows any, and deploys the working directory, all before keys are checked."""
KEYED = frozenset({"/metrics", "/info", "/docs", "/openapi.json"})
"""What runs here, in which version and how busy it is: the server would tell anybody."""
MOST = 2 * MAX_BYTES
"""Bytes of a request's body: the largest document that can be read, in Base64, and words around it."""
READY_WITHIN = 2
"""Seconds in which the control store answers, or nothing could act."""


class TooLarge(Exception):
    """More bytes came than were announced, and than are read."""


class Closed:
    """Answer 404 or ask for a key on those paths, and read no body that is too large.

    With `middleware_order: auth_first` it stands behind the server's CORS and its own check of keys.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        refused = await _refused(scope)
        if refused is None:
            try:
                await self.app(scope, _counted(receive), send)
            except TooLarge:
                refused = _too_large()
        if refused is not None:
            await refused(scope, receive, send)


async def _refused(scope: Scope) -> JSONResponse | None:
    """The answer to what isn't let through; None lets it through."""
    path = str(scope.get("path", "")).removeprefix(str(scope.get("root_path", "")))
    headers = Headers(scope=scope)
    if path.startswith(CLOSED):
        return JSONResponse({"detail": "not open here; see docs/http.md"}, 404)
    length = headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > MOST:
        return _too_large()
    if path in KEYED:
        try:
            await authenticate(headers.get("authorization"), dict(headers.raw))
        except Auth.exceptions.HTTPException as error:
            return JSONResponse({"detail": error.detail}, error.status_code)
    return None


def _counted(receive: Receive) -> Receive:
    read = 0

    async def counted() -> Message:
        nonlocal read
        message = await receive()
        read += len(message.get("body", b""))
        if read > MOST:
            raise TooLarge
        return message

    return counted


def _too_large() -> JSONResponse:
    said = f"a request has {MOST / 1e6:.0f} MB at most, its documents in Base64; send fewer or smaller ones"
    return JSONResponse({"detail": said}, 413, {"connection": "close"})


async def ready(request: Request) -> JSONResponse:
    """Answer a load balancer, which shows no key and hears no reason; `/ok` would only say that it is up."""
    del request
    try:
        async with asyncio.timeout(READY_WITHIN):
            await (await asyncio.to_thread(control)).store.read(lambda tx: tx.one("SELECT 1"))
    except (ControlUnavailable, TimeoutError):
        return JSONResponse({"ready": False}, 503)
    return JSONResponse({"ready": True})


@asynccontextmanager
async def _serving(_: Starlette) -> AsyncIterator[None]:
    yield
    await WRONG_KEYS.tell()


app = Starlette(routes=[Route("/ready", ready), *ROUTES], middleware=[Middleware(Closed)], lifespan=_serving)
