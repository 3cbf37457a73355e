"""HTTP door: who may do what over HTTP; whatever isn't named here is refused."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from functools import lru_cache, partial, wraps
from typing import Any

from langgraph_sdk import Auth

from governance.acts import Effect
from governance.control import control
from governance.errors import ControlUnavailable, Denied, InvalidInput, NotAuthenticated, TowerError
from governance.identity import Identity
from governance.principals import User
from governance.runs import ENDED
from governance.settings import Settings
from governance.store import ControlStore
from governance.threads import concerns, runs_on
from graphs.domain import Domain
from graphs.http_cancel import cancel
from graphs.http_owners import Barred, WrongKeys, note_hidden, owner
from graphs.http_run import RunRequest, ThreadBusy
from graphs.http_words import masked
from nodes.place import RUN_KEY

Value = MutableMapping[str, Any]
Filter = dict[str, Any]
_LOG = logging.getLogger(__name__)
WRONG_KEYS = WrongKeys()
Handler = Callable[[Auth.types.AuthContext, Value], Awaitable[Any]]

STATUS: dict[type[TowerError], int] = {
    NotAuthenticated: 401,
    Denied: 403,
    ThreadBusy: 409,
    InvalidInput: 422,
    ControlUnavailable: 503,
}
RESERVED = frozenset({"owner", "tenant", "graph_id", "assistant_id", RUN_KEY})
"""Metadata that decides who sees a thread and what it is; never a client's to set."""


def http_door(application: Domain) -> Auth:
    """Build the `auth` object of `langgraph.json`; the same people, admission and answers as on the CLI.

    Args:
        application: Its admission opens runs, its graphs are the ones that may be run.

    Raises:
        ControlUnavailable: Policies or limits can't be read; the server doesn't start.
    """
    control()  # policies are checked when the server starts, not at its first request
    auth = Auth()
    auth.authenticate(authenticate)
    on: Any = auth.on  # its types want a handler per payload; ours read what is there
    on(_refused)
    on.assistants.read(_allowed)
    on.assistants.search(_allowed)
    on.threads.create(_create_thread)
    on.threads.read(_read_thread)
    on.threads.search(_read_thread)
    on.threads.update(_update_thread)
    on.threads.delete(_delete_thread)

    @_said_in_http
    async def create_run(ctx: Auth.types.AuthContext, value: Value) -> Filter:
        return await RunRequest(application, user_of(ctx), value).admitted()

    on.threads.create_run(create_run)
    return auth


def key_of(authorization: str | None, headers: dict[bytes, bytes] | None) -> str | None:
    """The key that a request shows: `Authorization: Bearer KEY` or `x-api-key: KEY`."""
    scheme, _, key = (authorization or "").partition(" ")
    if scheme.lower() == "bearer":
        return key.strip()
    return (headers or {}).get(b"x-api-key", b"").decode("utf-8", "replace") or None


def user_of(ctx: Auth.types.AuthContext) -> User:
    """The person whom `authenticate` found."""
    person: Any = ctx.user
    return User(str(person.identity), str(person["tenant"]), frozenset(person["roles"]))


async def authenticate(authorization: str | None, headers: dict[bytes, bytes] | None) -> dict[str, Any]:
    """The person whose key a request shows, as the server keeps them.

    Raises:
        HTTPException: It is nobody's (401), or keys can't be checked (403).
    """
    try:
        user = await (await asyncio.to_thread(_identity)).authenticate(key_of(authorization, headers))
    except NotAuthenticated as error:
        await WRONG_KEYS.note()
        msg = "no valid key was shown; send `Authorization: Bearer KEY` or `x-api-key: KEY`"
        raise Auth.exceptions.HTTPException(401, msg) from error
    except ControlUnavailable as error:
        # Whoever asks has shown no valid key yet, so where the database lies is for the server's own log.
        _LOG.warning("keys can't be checked: %s", error)
        msg = "keys can't be checked, as the control database is away; an operator sees why: `tower doctor`"
        # The server knows 401 and 403 here; 403, since another key wouldn't help.
        raise Auth.exceptions.HTTPException(403, msg) from error
    roles = sorted(user.roles)
    return {"identity": user.id, "permissions": roles, "tenant": user.tenant, "roles": roles}


def _identity() -> Identity:
    return _people(control().store)


@lru_cache(maxsize=1)
def _people(store: ControlStore) -> Identity:
    return Identity(Settings.from_env(), store)


async def _logged(handler: Handler, ctx: Auth.types.AuthContext, value: Value) -> Any:
    try:
        seen = await handler(ctx, value)
    except Barred as error:
        body = {"thread": str(value.get("thread_id")), "reason": str(error)}
        await control().note_refusal(user_of(ctx), f"{ctx.resource}.{ctx.action}", body)
        raise
    await note_hidden(user_of(ctx), f"{ctx.resource}.{ctx.action}", value, seen)
    return seen


def _said_in_http(handler: Handler) -> Handler:
    """Turn a refusal into a status and its reason."""

    @wraps(handler)
    async def answered(ctx: Auth.types.AuthContext, value: Value) -> Any:
        try:
            return await _logged(handler, ctx, value)
        except TowerError as error:
            status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 409)
            raise Auth.exceptions.HTTPException(status, str(error)) from error

    return answered


@_said_in_http
async def _refused(ctx: Auth.types.AuthContext, value: Value) -> bool:
    del value
    msg = f"{ctx.resource}.{ctx.action} isn't open here; see docs/http.md"
    raise Barred(msg)


async def _allowed(ctx: Auth.types.AuthContext, value: Value) -> bool:
    del ctx, value
    return True


def _within(user: User, action: str) -> Filter:
    """The whole tenant where policy allows the action on anyone's runs, else the user's own."""
    everyone = control().policy.permit(user, action, tenant=user.tenant, owner=None)
    return {"tenant": user.tenant} if everyone.effect is Effect.ALLOW else owner(user)


@_said_in_http
async def _create_thread(ctx: Auth.types.AuthContext, value: Value) -> Filter:
    user = user_of(ctx)
    if "metadata" not in value:
        msg = "a thread can't be copied: the copy would have a state and no run; start a new thread"
        raise Barred(msg)
    records = await control().store.read(lambda tx: runs_on(tx, str(value["thread_id"])))
    # The server's own list of threads may be gone after a restart; ours isn't.
    if any(record.run.user.id != user.id for record in records):
        msg = f"thread {value['thread_id']} exists already"
        raise ThreadBusy(msg)
    await _set_metadata(value, user)
    value["metadata"].update(owner(user))
    return owner(user)


@_said_in_http
async def _read_thread(ctx: Auth.types.AuthContext, value: Value) -> Filter:
    """Owners and whom policy names; and whoever is asked on a thread reads that one."""
    user, thread = user_of(ctx), value.get("thread_id")
    mine = await asyncio.to_thread(_within, user, "read_run")
    if mine != owner(user) or thread is None:
        return mine
    plane = control()
    asked = await plane.store.read(lambda tx: concerns(tx, user, str(thread), plane.clock()))
    return {"tenant": user.tenant} if asked else mine


@_said_in_http
async def _update_thread(ctx: Auth.types.AuthContext, value: Value) -> Filter:
    user = user_of(ctx)
    if value.get("action"):
        await cancel(user, value)
        return await asyncio.to_thread(_within, user, "cancel_run")
    if value.get("metadata") is None:
        msg = "state can't be written from outside; answer with command.resume, or start a new thread"
        raise Barred(msg)
    await _set_metadata(value, user)
    return owner(user)


@_said_in_http
async def _delete_thread(ctx: Auth.types.AuthContext, value: Value) -> Filter:
    user, threads = user_of(ctx), value.get("thread_ids") or [value.get("thread_id")]
    for thread in map(str, threads):
        for record in await control().store.read(partial(runs_on, thread_id=thread)):
            # Of another person's thread nothing is said; the filter below leaves it alone.
            if record.state != ENDED and owner(record.run.user) == owner(user):
                msg = f"run {record.run.id} on thread {thread} isn't over; its checkpoints are still needed"
                raise ThreadBusy(msg)
    return owner(user)


async def _set_metadata(value: Value, user: User) -> None:
    """Mask personal data in a client's metadata, in the dictionary that the server keeps."""
    metadata = value["metadata"]
    taken = RESERVED & set(metadata) - {"graph_id", "assistant_id"}
    if taken:
        msg = f"metadata {', '.join(sorted(taken))} is set by the server"
        raise Barred(msg)
    words = await masked(user, dict(metadata))
    metadata.clear()
    metadata.update(words)
