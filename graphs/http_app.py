"""HTTP app: closes what the development server would answer to anybody, and says whether it could act."""

from __future__ import annotations

import asyncio

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from governance.control import control
from governance.errors import ControlUnavailable

CLOSED = ("/internal/", "/deploy")
"""Wipes all threads, shows any, and deploys the working directory, all before keys are checked."""
READY_WITHIN = 2
"""Seconds in which the control store answers, or nothing could act."""


class Closed:
    """Answer 404 on those paths; the server's own routes see everything else."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        path = str(scope.get("path", "")).removeprefix(str(scope.get("root_path", "")))
        if scope["type"] == "http" and path.startswith(CLOSED):
            await JSONResponse({"detail": "not open here; see docs/http.md"}, 404)(scope, receive, send)
        else:
            await self.app(scope, receive, send)


async def ready(request: Request) -> JSONResponse:
    """Answer a load balancer, which shows no key and hears no reason; `/ok` would only say that it is up."""
    del request
    try:
        async with asyncio.timeout(READY_WITHIN):
            await (await asyncio.to_thread(control)).store.read(lambda tx: tx.one("SELECT 1"))
    except (ControlUnavailable, TimeoutError):
        return JSONResponse({"ready": False}, 503)
    return JSONResponse({"ready": True})


app = Starlette(routes=[Route("/ready", ready)], middleware=[Middleware(Closed)])
