"""MCP: a tool of another system's server, checked against our contract before each call."""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING, Any

import httpx
from langchain_mcp_adapters.sessions import StreamableHttpConnection, create_session
from mcp import ClientSession, McpError, types
from pydantic import ValidationError

from tools.remote.contract import check_contract, check_version
from tools.remote.errors import NoAnswer, RemoteChanged, RemoteRefused
from tools.remote.http import Unreadable, connect, explain
from tools.remote.mcp_server import REFUSED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tools.remote.system import Link
    from tools.spec import Tool

MOST_PAGES = 20
"""Of a server's list of tools."""


async def ask(link: Link, tool: Tool, args: Mapping[str, Any]) -> str:
    """Call a tool on an MCP server (streamable HTTP), in a session of its own.

    Returns:
        The structured result as JSON text.

    Raises:
        RemoteChanged: Version or schema aren't those that the tool was built for; it wasn't called.
        RemoteRefused, NoAnswer: See `tools.remote.errors`.
    """
    client = await connect(link)
    client.event_hooks = {"response": [_understand]}

    def ours(
        headers: dict[str, str] | None = None,
        timeout: httpx.Timeout | None = None,
        auth: httpx.Auth | None = None,
    ) -> httpx.AsyncClient:
        del headers, timeout, auth
        return client

    connection: StreamableHttpConnection = {
        "transport": "streamable_http",
        "url": link.url,
        "httpx_client_factory": ours,
    }
    try:
        async with create_session(connection) as session:
            started = await session.initialize()
            check_version(link.system, link.version, started.serverInfo.version)
            await _check(link, tool, session)
            result = await _call(session, tool.name, args)
    except Exception as error:  # noqa: BLE001 - the session's tasks raise groups of anything
        _explain(link, error)
    return _structured(link, tool, result)


async def _check(link: Link, tool: Tool, session: ClientSession) -> None:
    cursor, advertised = None, None
    for _ in range(MOST_PAGES):
        listed = await session.list_tools(params=types.PaginatedRequestParams(cursor=cursor))
        advertised = next((one for one in listed.tools if one.name == tool.name), None)
        cursor = listed.nextCursor
        if advertised or not cursor:
            break
    if advertised is None:
        msg = (
            f"{link.system} has no tool {tool.name} any more; adapt ours to what it has, or have it put back"
        )
        raise RemoteChanged(msg)
    check_contract(link.system, tool, advertised.inputSchema, advertised.outputSchema or {}, wrapped=True)


async def _call(session: ClientSession, name: str, args: Mapping[str, Any]) -> types.CallToolResult:
    # Not `session.call_tool`, which holds the result against the server's schema; ours is stricter.
    params = types.CallToolRequestParams(name=name, arguments=dict(args))
    request = types.ClientRequest(types.CallToolRequest(params=params))
    return await session.send_request(request, types.CallToolResult)


def _structured(link: Link, tool: Tool, result: types.CallToolResult) -> str:
    if result.isError:
        said = " ".join(part.text for part in result.content if isinstance(part, types.TextContent))
        msg = f"{link.system} refused {tool.name}: {' '.join(said.split())[:300]}"
        certain = not tool.writes or (result.meta or {}).get(REFUSED) is True
        raise RemoteRefused(msg) if certain else NoAnswer(msg)
    content = result.structuredContent
    if content is None:
        msg = f"{link.system} answered {tool.name} without a structured result; report it to its owner"
        raise NoAnswer(msg)
    # The protocol's results are objects; any other is put under `result`.
    whole = tool.result.json_schema(mode="serialization").get("type") == "object"
    return json.dumps(content if whole else content.get("result"))


async def _understand(response: httpx.Response) -> None:
    """Refuse what isn't JSON-RPC: the library would log it, with all it holds, and wait for more.

    Raises:
        Unreadable: It isn't.
    """
    text = (await response.aread()).decode(errors="replace")
    if response.status_code != httpx.codes.OK:
        return
    if response.headers.get("Content-Type", "").startswith("text/event-stream"):
        events = [re.findall(r"^data: ?(.*)", event, re.MULTILINE) for event in re.split(r"\r?\n\r?\n", text)]
        messages = ["\n".join(lines) for lines in events if any(lines)]
    else:
        messages = [text]
    try:
        for message in messages:
            types.JSONRPCMessage.model_validate_json(message)
    except ValidationError as error:
        msg = "the answer is no JSON-RPC message"
        raise Unreadable(msg) from error


def _explain(link: Link, error: Exception) -> None:
    """Raise the one error in the groups that the session's tasks make of it."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, (RemoteRefused, NoAnswer, asyncio.TimeoutError)):
        raise error
    if isinstance(error, httpx.HTTPError):
        explain(link, error)
    said = error.error.message if isinstance(error, McpError) else str(error) or type(error).__name__
    msg = (
        f"{link.system} can't be talked to ({' '.join(said.split())[:300]}); see whether it is an MCP server"
    )
    raise NoAnswer(msg) from error
