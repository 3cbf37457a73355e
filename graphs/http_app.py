"""HTTP app: closes what the development server would answer to anybody, key or none."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

CLOSED = ("/internal/", "/deploy")
"""Wipes all threads, shows any, and deploys the working directory, all before keys are checked."""


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


app = Starlette(middleware=[Middleware(Closed)])
