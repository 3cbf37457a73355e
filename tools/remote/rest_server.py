"""REST server: some of our tools for others, each a `GET` operation of an OpenAPI document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from governance.errors import TowerError
from tools.remote.answer import answer
from tools.spec import Tool

REFERENCE = "#/components/schemas/{model}"


def rest_application(name: str, version: str, tools: Mapping[str, Tool]) -> Starlette:
    """An ASGI application with an operation for each path, and its description at `/openapi.json`.

    Args:
        tools: Path, such as `/customers/{customer_id}/claims` → the tool that answers it.
    """
    shared: dict[str, Any] = {}
    document = {
        "openapi": "3.1.0",
        "info": {"title": name, "version": version},
        "paths": {path: {"get": _operation(path, tool, shared)} for path, tool in tools.items()},
        "components": {"schemas": shared},
    }

    async def described(_: Request) -> JSONResponse:
        return JSONResponse(document)

    routes = [Route(path, _endpoint(tool)) for path, tool in tools.items()]
    return Starlette(routes=[Route("/openapi.json", described), *routes])


def _endpoint(tool: Tool) -> Any:
    async def endpoint(request: Request) -> JSONResponse:
        try:
            args = {**request.query_params, **request.path_params}
            return JSONResponse(await answer(tool, args, request.headers))
        except (TowerError, ValidationError) as error:
            return JSONResponse({"error": str(error)}, status_code=400)

    return endpoint


def _operation(path: str, tool: Tool, shared: dict[str, Any]) -> dict[str, Any]:
    """An operation's description; what it refers to is added to `shared`."""
    schema = tool.args.model_json_schema(ref_template=REFERENCE)
    returned = tool.result.json_schema(mode="serialization", ref_template=REFERENCE)
    shared |= schema.pop("$defs", {}) | returned.pop("$defs", {})
    parameters = [
        {
            "name": name,
            "in": "path" if f"{{{name}}}" in path else "query",
            "required": name in schema.get("required", ()),
            "schema": form,
        }
        for name, form in schema.get("properties", {}).items()
    ]
    return {
        "operationId": tool.name,
        "summary": tool.description,
        "parameters": parameters,
        "responses": {
            "200": {
                "description": "What was asked for",
                "content": {"application/json": {"schema": returned}},
            }
        },
    }
