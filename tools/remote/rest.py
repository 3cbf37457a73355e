"""REST: an operation of another system's OpenAPI document, checked against our contract before each call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx
from pydantic import BaseModel, Field, ValidationError

from tools.remote.contract import check_contract, check_version
from tools.remote.errors import RemoteChanged, RemoteRefused
from tools.remote.http import connect, explain

if TYPE_CHECKING:
    from tools.remote.system import Link
    from tools.spec import Tool

JSON = "application/json"


class _Content(BaseModel):
    content: dict[str, dict[str, Any]] = {}


class _Parameter(BaseModel):
    name: str
    place: str = Field(alias="in")
    required: bool = False
    form: dict[str, Any] = Field(alias="schema", default={})


class _Operation(BaseModel):
    id: str = Field(alias="operationId", default="")
    parameters: list[_Parameter] = []
    body: _Content | None = Field(alias="requestBody", default=None)
    responses: dict[str, _Content] = {}


class _Item(BaseModel):
    get: _Operation | None = None


class _Info(BaseModel):
    version: str


class _Document(BaseModel):
    """What is read of an OpenAPI 3.1 document: operations that read, by path."""

    info: _Info
    paths: dict[str, _Item]
    components: dict[str, Any] = {}


async def ask(link: Link, tool: Tool, args: Mapping[str, Any]) -> str:
    """Call the `GET` operation whose `operationId` is the tool's name.

    Returns:
        The response as JSON text.

    Raises:
        RemoteChanged: Version or schema aren't those that the tool was built for; it wasn't called.
        RemoteRefused, NoAnswer: See `tools.remote.errors`.
    """
    try:
        async with await connect(link) as client:
            response = (await client.get(f"{link.url}/openapi.json")).raise_for_status()
            path, operation = _checked(link, tool, response.text)
            query = dict(args)
            for name in [p.name for p in operation.parameters if p.place == "path" and p.name in query]:
                path = path.replace(f"{{{name}}}", quote(str(query.pop(name)), safe=""))
            return (await client.get(link.url + path, params=query)).raise_for_status().text
    except httpx.HTTPError as error:
        explain(link, error)


def _checked(link: Link, tool: Tool, text: str) -> tuple[str, _Operation]:
    """The operation and its path, once version, arguments and result are as the tool expects them."""
    try:
        document = _Document.model_validate_json(text)
    except ValidationError as error:
        msg = f"{link.system} shows no OpenAPI document at {link.url}/openapi.json; correct its URL"
        raise RemoteRefused(msg) from error
    check_version(link.system, link.version, document.info.version)
    for path, item in document.paths.items():
        # A path such as `//elsewhere` or `.elsewhere` would take our key to another host.
        if item.get and item.get.id == tool.name and path.startswith("/") and path[1:2] != "/":
            shared = {"components": document.components}
            result = item.get.responses.get("200", _Content()).content.get(JSON, {}).get("schema", {})
            check_contract(link.system, tool, _arguments(link, item.get) | shared, {**result, **shared})
            return path, item.get
    msg = (
        f"{link.system} has no operation {tool.name} any more; adapt ours to what it has, or have it put back"
    )
    raise RemoteChanged(msg)


def _arguments(link: Link, operation: _Operation) -> dict[str, Any]:
    """Its arguments as one schema; a header that it wants and we don't send is one as well."""
    sent = {name.lower() for name in link.headers}
    fields = {
        p.name: p.form
        for p in operation.parameters
        if p.place in ("path", "query") or (p.required and p.name.lower() not in sent)
    }
    required = [p.name for p in operation.parameters if p.required]
    body = {"body": {"type": "object"}} if operation.body else {}
    return {"type": "object", "properties": fields | body, "required": required}
