"""A shop that answers two tools, in a process of its own that misbehaves as a file tells it to."""

from __future__ import annotations

import asyncio
import os
import re
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import Annotated, Any

from mcp.server.fastmcp import Context, FastMCP
from pydantic import BaseModel, Field
from starlette.applications import Starlette

from governance.errors import InvalidInput
from tools.remote.mcp_server import PATH, mcp_application
from tools.remote.rest_server import rest_application
from tools.remote.serve import serve
from tools.remote.system import System, behind
from tools.spec import Caller, EffectKey, Personal, Tool, tool

MCP = System("till", "1.0", "tools.remote.mcp", "tests.tools.remote.shop_mcp")
REST = System("stock", "1.0", "tools.remote.rest", "tests.tools.remote.shop_rest")
BillId = Annotated[str, Field(pattern=r"^B-\d$", description="Bill number")]


class Bill(BaseModel):
    bill_id: str
    amount: int
    payer: Annotated[str, Personal("email")]
    tenant: str


class Paid(BaseModel):
    bill_id: str


@tool(owner="shop")
async def get_bill(bill_id: BillId, *, caller: Caller) -> Bill:
    """Look up a bill."""
    if bill_id == "B-9":
        msg = "there is no bill B-9; look at the list"
        raise InvalidInput(msg)
    return Bill(bill_id=bill_id, amount=4000, payer="ann@example.org", tenant=caller.tenant)


@tool(owner="shop", writes=True, idempotent=False)
async def pay_bill(bill_id: BillId, amount: int, *, key: EffectKey, caller: Caller) -> Paid:
    """Pay a bill."""
    if amount > 10_000:
        msg = "that is more than the bill"
        raise InvalidInput(msg)
    with closing(sqlite3.connect(os.environ["SHOP_LEDGER"])) as db, db:
        db.execute("INSERT INTO paid VALUES (?, ?, ?, ?)", (key, bill_id, amount, caller.tenant))
    if amount == 666:
        msg = "the printer is on fire"
        raise RuntimeError(msg)
    return Paid(bill_id=bill_id)


def renamed() -> Tool:
    class Bill(BaseModel):
        bill_id: str
        total: int
        payer: str
        tenant: str

    @tool(owner="shop")
    async def get_bill(bill_id: BillId, *, caller: Caller) -> Bill:
        """Look up a bill."""
        return Bill(bill_id=bill_id, total=4000, payer="ann@example.org", tenant=caller.tenant)

    get_bill.run.__annotations__["return"] = Bill
    return get_bill


def retyped() -> Tool:
    class Bill(BaseModel):
        bill_id: str
        amount: float
        payer: str
        tenant: str

    @tool(owner="shop")
    async def get_bill(bill_id: BillId, *, caller: Caller) -> Bill:
        """Look up a bill."""
        return Bill(bill_id=bill_id, amount=40.0, payer="ann@example.org", tenant=caller.tenant)

    get_bill.run.__annotations__["return"] = Bill
    return get_bill


def demanding() -> Tool:
    @tool(owner="shop")
    async def get_bill(bill_id: BillId, reason: str, *, caller: Caller) -> Bill:
        """Look up a bill."""
        return Bill(bill_id=bill_id, amount=4000, payer=reason, tenant=caller.tenant)

    return get_bill


@tool(owner="shop")
async def other_tool(bill_id: BillId, *, caller: Caller) -> Bill:
    """Something else."""
    raise NotImplementedError


def foreign() -> Starlette:
    """The same tool from a server that knows nothing of ours, and that streams its answers."""
    server = FastMCP("till", stateless_http=True)

    @server.tool(name="get_bill")
    async def found(bill_id: str, context: Context[Any, Any, Any]) -> Bill:
        """Look up a bill."""
        headers = context.request_context.request.headers
        return Bill(bill_id=bill_id, amount=4000, payer="ann@example.org", tenant=headers["x-tenant"])

    return server.streamable_http_app()


class Rewritten:
    """Changes what an answer holds behind its schema's back, or how it comes."""

    def __init__(self, app: Any, pattern: bytes, by: bytes) -> None:
        self.app, self.pattern, self.by = app, pattern, by

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def altered(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [h for h in message["headers"] if h[0] != b"content-length"]
            elif message.get("body"):
                message["body"] = re.sub(self.pattern, self.by, message["body"])
            await send(message)

        await self.app(scope, receive, altered)


async def plain(send: Any, status: int, kind: bytes, bodies: Sequence[bytes], *more: Any) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", kind), *more]})
    for body in bodies:
        await send({"type": "http.response.body", "body": body, "more_body": True})
    await send({"type": "http.response.body"})


async def slow(_scope: Any, _receive: Any, _send: Any) -> None:
    Path(os.environ["SHOP_MODE"]).with_name("asked").touch()
    await asyncio.sleep(60)


async def huge(_scope: Any, _receive: Any, send: Any) -> None:
    await plain(send, 200, b"application/json", [b"[" + b" " * 1_000_000] * 100)


async def page(_scope: Any, _receive: Any, send: Any) -> None:
    await plain(send, 200, b"text/html", [b"<h1>Welcome</h1>"])


async def garbage(_scope: Any, _receive: Any, send: Any) -> None:
    await plain(send, 200, b"application/json", [b"{nonsense"])


async def broken(_scope: Any, _receive: Any, send: Any) -> None:
    await plain(send, 500, b"text/plain", [b"oops"])


async def packed(_scope: Any, _receive: Any, send: Any) -> None:
    await plain(send, 200, b"application/json", [b"\x1f\x8b"], (b"content-encoding", b"gzip"))


async def elsewhere(_scope: Any, _receive: Any, send: Any) -> None:
    await plain(send, 307, b"text/plain", [], (b"location", os.environ.get("SHOP_ELSEWHERE", "").encode()))


class Late:
    """Acts, and never says so."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        said: list[Any] = []

        async def held(message: Any) -> None:
            said.append(message)
            if b"structuredContent" in message.get("body", b""):
                await asyncio.sleep(60)
            if message["type"] == "http.response.body":
                for one in said:
                    await send(one)

        await self.app(scope, receive, held)


def applications(protocol: str) -> dict[str, Any]:
    def build(version: str, *tools: Tool) -> Starlette:
        if protocol == "mcp":
            return mcp_application("shop", version, tools)
        return rest_application("shop", version, {f"/{t.name}/{{bill_id}}": t for t in tools if not t.writes})

    same = build("1.4", get_bill, pay_bill)
    return {
        "same": same,
        "renamed": build("1.5", renamed()),
        "retyped": build("1.5", retyped()),
        "demanding": build("1.5", demanding()),
        "version": build("2.0", get_bill),
        "gone": build("1.5", other_tool),
        "missing": Rewritten(same, rb',?\s*\\?"amount\\?":\s*4000', b""),
        "unknown": Rewritten(same, rb'"amount":\s*4000', rb'"amount":4000,"iban":"DE89370400440532013000"'),
        "text": Rewritten(same, rb'"amount":\s*4000', rb'"amount":"4000"'),
        "other": Rewritten(same, rb'"B-1"', rb'"B-2"'),
        "foreign": foreign(),
        "slow": slow,
        "late": Late(same),
        "huge": huge,
        "page": page,
        "garbage": garbage,
        "broken": broken,
        "packed": packed,
        "elsewhere": elsewhere,
    }


def application(protocol: str) -> Any:
    """All of them; the file says which one answers."""
    apps = applications(protocol)

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for app in apps.values():
                if isinstance(app, Starlette):
                    await stack.enter_async_context(app.router.lifespan_context(app))
            yield

    outer = Starlette(lifespan=lifespan)

    async def chosen(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await outer(scope, receive, send)
        else:
            await apps[_mode()](scope, receive, send)

    return chosen


def _mode() -> str:
    return Path(os.environ["SHOP_MODE"]).read_text()


def main(protocol: str) -> None:
    system = MCP if protocol == "mcp" else REST
    serve(system, application(protocol), PATH if protocol == "mcp" else "")


SHOP = {
    "mcp": {t.name: behind(MCP)(t) for t in (get_bill, pay_bill)},
    "rest": {t.name: behind(REST)(t) for t in (get_bill,)},
}
