"""A remote system: where it is, who we are to it, and tools that it answers instead of this process."""

from __future__ import annotations

import asyncio
import functools
import importlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from governance.keyfile import read_or_create
from governance.settings import Settings
from tools.remote.errors import NoAnswer, RemoteRefused
from tools.spec import Tool

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True)
class Link:
    """One call's way to a system.

    Attributes:
        version: The one that the tools were built for.
        headers: Our key, for which tenant and run we ask, and the idempotency key of a write.
        seconds: Longest that the whole call may take.
    """

    system: str
    version: str
    url: str
    headers: Mapping[str, str]
    seconds: float


@dataclass(frozen=True, slots=True)
class System:
    """Another system, in a process of its own, with credentials of its own.

    Attributes:
        version: The version that our tools were built for.
        transport: Module that speaks its protocol: `async def ask(link, tool, args)` returns the
            result as JSON text. It is loaded when it is first needed.
        process: Module that serves it on this machine, for the demo and the tests.
    """

    name: str
    version: str
    transport: str
    process: str

    @property
    def url(self) -> str | None:
        """Where it is (`TOWER_<NAME>_URL`); without one, this process answers from the records itself."""
        return os.environ.get(f"TOWER_{self.name.upper()}_URL") or None

    def key(self) -> str:
        """Our key to it: `TOWER_<NAME>_KEY`, or the development key in `TOWER_HOME/keys/systems`."""
        path = Settings.from_env().home / "keys" / "systems" / f"{self.name}.key"
        return os.environ.get(f"TOWER_{self.name.upper()}_KEY") or read_or_create(
            path, prefix=f"{self.name}."
        )

    def link(self, url: str, injected: Mapping[str, Any], seconds: float) -> Link:
        """The way to it for one call.

        Raises:
            RemoteRefused: The key would leave this machine unprotected.
        """
        parts = urlsplit(url)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
            msg = f"our key goes over https only; {self.name} is at {url}: set TOWER_{self.name.upper()}_URL"
            raise RemoteRefused(msg)
        caller = injected["caller"]
        headers = {"Authorization": f"Bearer {self.key()}", "X-Tenant": caller.tenant, "X-Run": caller.run_id}
        if "key" in injected:
            headers["Idempotency-Key"] = injected["key"]
        return Link(self.name, self.version, url.rstrip("/"), headers, seconds)


def behind(system: System) -> Callable[[Tool], Tool]:
    """Let a system answer a tool where it is configured; spec, policy and masking stay the tool's.

    Its function takes the `caller`, since the system answers for one tenant only.
    """

    def wrap(tool: Tool) -> Tool:
        @functools.wraps(tool.run)
        async def run(**given: Any) -> Any:
            url = system.url
            if url is None:
                return await tool.run(**given)
            injected = {name: given.pop(name) for name in tool.injected}
            return await _ask(system, tool, url, given, injected)

        return replace(tool, run=run)

    return wrap


async def _ask(
    system: System, tool: Tool, url: str, given: Mapping[str, Any], injected: Mapping[str, Any]
) -> Any:
    args = tool.args(**given).model_dump(mode="json", exclude_none=True)
    from governance.control import control  # noqa: PLC0415 - whoever only serves a system needs no control plane

    seconds = control().limits.timeouts.remote
    # Modules and keys are read from the disk, which has no place on an event loop.
    transport = await asyncio.to_thread(importlib.import_module, system.transport)
    link = await asyncio.to_thread(system.link, url, injected, seconds)
    try:
        async with asyncio.timeout(seconds):
            text = await transport.ask(link, tool, args)
    except TimeoutError as error:
        msg = (
            f"{system.name} gave no answer within {seconds:g} s; see whether it is overloaded, then try again"
        )
        raise NoAnswer(msg) from error
    return _checked(system, tool, args, text)


def _checked(system: System, tool: Tool, args: Mapping[str, Any], text: str) -> Any:
    """The result as the tool's own type: not a field more or less, and about what was asked."""
    try:
        result = tool.result.validate_json(text, strict=True, extra="forbid")
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()[:5])
        msg = f"{system.name} answered {tool.name} with what it doesn't advertise ({problems}); report it"
        raise NoAnswer(msg) from error
    for item in result if isinstance(result, list) else [result]:
        other = [name for name, value in args.items() if getattr(item, name, value) != value]
        if other:
            msg = f"{system.name} answered {tool.name} about another {', '.join(other)}; report it"
            raise NoAnswer(msg)
    return result
