"""HTTP effects: whoever may settle what is in doubt from the command line does it over HTTP as well."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from functools import partial
from typing import Annotated, Any

import orjson
from langgraph_sdk import Auth
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from governance.acts import Effect
from governance.control import control
from governance.effects import Recorded
from governance.errors import InvalidInput, TowerError
from governance.principals import User
from graphs.domain import domain
from graphs.http import STATUS, authenticate
from nodes.faults import misfit
from tools.doubt import settle_by_hand


class Word(BaseModel):
    """What a person says became of an effect; `result` is what the tool would have returned."""

    model_config = ConfigDict(extra="forbid", strict=True)

    key: str
    happened: bool
    reason: Annotated[str, Field(max_length=2_000)]
    result: Any = None


async def _in_doubt(_: Request, user: User) -> Any:
    plane = control()
    found = await plane.unsettled(user.tenant)
    asked = ((e, plane.policy.permit(user, "read_run", tenant=user.tenant, owner=e.owner)) for e in found)
    return [_shown(effect) for effect, decision in asked if decision.effect is Effect.ALLOW]


async def _settle(request: Request, user: User) -> Any:
    try:
        word = Word.model_validate_json(await request.body())
    except ValidationError as error:
        raise InvalidInput(misfit(error)) from error
    effect = await control().effect(word.key)
    tool = domain().tools.get(effect.action)
    if tool is None or effect.tenant != user.tenant:
        msg = f"there is no effect {word.key!r}; GET /effects shows them"
        raise InvalidInput(msg)
    result = json.dumps(word.result) if word.happened else None
    return _shown(await settle_by_hand(tool, word.key, user, result=result, reason=word.reason))


def _shown(effect: Recorded) -> dict[str, Any]:
    """All but which process began it."""
    return {name: value for name, value in asdict(effect).items() if name not in ("worker", "lease")}


async def _answered(act: Callable[[Request, User], Awaitable[Any]], request: Request) -> Response:
    """Let in whoever shows a key; a refusal becomes a status and its reason."""
    try:
        shown = await authenticate(request.headers.get("authorization"), dict(request.headers.raw))
        user = User(shown["identity"], shown["tenant"], frozenset(shown["roles"]))
        status, said = 200, await act(request, user)
    except Auth.exceptions.HTTPException as error:
        status, said = error.status_code, {"detail": error.detail}
    except TowerError as error:
        status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 409)
        said = {"detail": str(error)}
    return Response(orjson.dumps(said), status, media_type="application/json")


ROUTES = [
    Route("/effects", partial(_answered, _in_doubt)),
    Route("/effects", partial(_answered, _settle), methods=["POST"]),
]
