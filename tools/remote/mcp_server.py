"""MCP server: some of our tools for others, stateless, over streamable HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from mcp import types
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.applications import Starlette
from starlette.routing import Mount

from governance.errors import TowerError
from tools.registry import Toolbox
from tools.remote.answer import answer
from tools.remote.contract import as_object
from tools.spec import Tool

PATH = "/mcp"
REFUSED = "tower/refused"
"""Marks an error after which it is certain that nothing was done; the protocol has no such word."""


def mcp_application(name: str, version: str, tools: Sequence[Tool]) -> Starlette:
    """An ASGI application that answers MCP requests for these tools at `PATH`."""
    server: Server[Any, Any] = Server(name, version=version)
    toolbox = Toolbox(tools)

    @server.list_tools()  # type: ignore[no-untyped-call, untyped-decorator]
    async def listed() -> list[types.Tool]:
        return [_advertised(tool) for tool in tools]

    @server.call_tool()  # type: ignore[untyped-decorator]
    async def called(wanted: str, arguments: dict[str, Any]) -> dict[str, Any] | types.CallToolResult:
        request = server.request_context.request
        try:
            result = await answer(toolbox[wanted], arguments, request.headers if request else {})
        except TowerError as error:
            said = types.TextContent(type="text", text=str(error))
            return types.CallToolResult(content=[said], isError=True, _meta={REFUSED: True})
        return result if isinstance(result, dict) else {"result": result}

    manager = StreamableHTTPSessionManager(server, json_response=True, stateless=True)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with manager.run():
            yield

    return Starlette(routes=[Mount(PATH, app=manager.handle_request)], lifespan=lifespan)


def _advertised(tool: Tool) -> types.Tool:
    return types.Tool(
        name=tool.name,
        description=tool.description,
        inputSchema=tool.args.model_json_schema(),
        outputSchema=as_object(tool.result.json_schema(mode="serialization")),
    )
