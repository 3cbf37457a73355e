"""Checks: each looks at one thing that a deployment needs, and says what to do about it."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import httpx

from cli.audit import read_verdict
from cli.people import declared
from governance.connections import private_folder
from governance.control import control
from governance.errors import NotAuthenticated
from governance.identity import Identity
from governance.settings import Settings
from graphs.domain import domain
from graphs.roster import misfits
from memory.checkpoints import open_checkpointer
from models.door import configured
from tools.remote.http import connect, explain
from tools.remote.system import System
from tools.spec import Caller

ANSWERS_WITHIN = 3.0
"""Seconds in which a model's endpoint answers, or is as good as away."""
GOOD, NOTE, BAD = "ok", "note", "missing"
ROOM = 50_000_000
"""Bytes below which the next runs may not be written down."""
_NAMED = 5


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        state: `ok`, `note` (works, and you should know) or `missing` (won't work).
        todo: What to do; empty where nothing is needed.
    """

    name: str
    state: str
    detail: str
    todo: str = ""


async def _model() -> Finding:
    choice = configured("worker")
    if choice.provider == "offline":
        detail = "the built-in offline model: deterministic, and not a language model"
        todo = "set OPENAI_API_KEY or OPENAI_BASE_URL (any compatible server), or TOWER_LOCAL_GGUF"
        return Finding("model", NOTE, detail, todo)
    if choice.provider == "openai":
        return await _endpoint(choice.model)
    return Finding("model", GOOD, f"{choice.model} by {choice.provider}, on this machine")


async def _endpoint(model: str) -> Finding:
    """Ask the endpoint for its models, which costs nothing and shows whether our key is taken."""
    url = os.environ.get("OPENAI_BASE_URL") or "https://api.openai.com/v1"
    headers = {"Authorization": f"Bearer {os.environ.get('OPENAI_API_KEY') or 'none'}"}
    where = f"{model} by openai at {masked(url)}"
    try:
        async with httpx.AsyncClient(timeout=ANSWERS_WITHIN, headers=headers) as client:
            answer = await client.get(f"{url.rstrip('/')}/models")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        todo = "start that server, or mend OPENAI_BASE_URL; without both variables the offline model answers"
        return Finding("model", BAD, f"{where} doesn't answer ({type(error).__name__}: {error})", todo)
    if answer.status_code in (401, 403):
        return Finding("model", BAD, f"{where} turns our key away", "mend OPENAI_API_KEY")
    if answer.is_server_error:
        return Finding("model", BAD, f"{where} answers {answer.status_code}", "see that server's own log")
    return Finding("model", GOOD, f"{where}, which answers; prompts go there")


async def _home() -> Finding:
    home = Settings.from_env().home
    await asyncio.to_thread(private_folder, home)
    if not os.access(home, os.W_OK):
        return Finding("home", BAD, f"{home} can't be written", "set TOWER_HOME to a folder of yours")
    free = (await asyncio.to_thread(shutil.disk_usage, home)).free
    if free < ROOM:
        todo = "make room there, then `tower resume` what stopped: `tower runs` lists it"
        return Finding("home", BAD, f"{home} has {free / 1e6:.1f} MB left: the disk is full", todo)
    return Finding("home", GOOD, str(home))


async def _system(system: System) -> Finding:
    """Ask another system for nothing, with our key: any answer but a refusal will do."""
    if system.url is None:
        unset = f"TOWER_{system.name.upper()}_URL is not set: our own records answer for it"
        return Finding(system.name, GOOD, unset)
    given = {"caller": Caller("", "", "doctor", None)}
    link = await asyncio.to_thread(system.link, system.url, given, ANSWERS_WITHIN)
    try:
        async with await connect(link) as client:
            answer = await client.head(link.url)
            if answer.status_code in (401, 403) or answer.is_server_error:
                answer.raise_for_status()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        explain(link, error)
    return Finding(system.name, GOOD, f"answers at {masked(system.url)}")


async def _policies() -> Finding:
    domain()
    return Finding("policies", GOOD, f"valid, version {control().version}, with the limits")


async def _graphs() -> Finding:
    found = await asyncio.to_thread(lambda: domain().flaws() or misfits(domain()))
    if found:
        todo = "what can't be built or isn't permitted won't run; a rule about a wrong name never applies"
        return Finding("graphs", BAD, ";\n".join(found), todo)
    return Finding("graphs", GOOD, f"{len(domain().graphs)} can be built, each with a contract")


async def _control() -> Finding:
    domain()
    runs = await control().runs(limit=1000)
    pending = sum(record.state == "waiting" for record in runs)
    return Finding("control", GOOD, f"{_place('control')}; {len(runs)} runs, {pending} wait for a person")


async def _breakers() -> Finding:
    domain()
    opened = [f"{b.name} since {b.opened:%m-%d %H:%M} UTC" for b in await control().breakers() if b.opened]
    stopped = await control().without_model()
    if not opened and not stopped:
        return Finding("breakers", GOOD, "closed; no run has stopped for want of a model")
    left = f"left alone after failures: {', '.join(opened)}" if opened else "closed again"
    todo = f"once it answers, `tower resume` each: {', '.join(stopped[:_NAMED])}"
    detail = f"{left}; {len(stopped)} runs stopped for want of a model"
    return Finding("breakers", BAD, detail, todo if stopped else "see `tower effects breakers`")


async def _checkpoints() -> Finding:
    async with open_checkpointer(Settings.from_env().url("checkpoints")):
        return Finding("checkpoints", GOOD, _place("checkpoints"))


async def _records() -> Finding:
    await domain().prepare()
    return Finding("records", GOOD, f"{_place(domain().name)}; records and document index are ready")


async def _keys() -> Finding:
    domain()
    settings = Settings.from_env()
    # Whether this key opens anything doesn't matter here: asking makes the development keys.
    with suppress(NotAuthenticated):
        await Identity(settings, control().store).authenticate("")
    people = sorted({p.stem for p in (settings.home / "keys").glob("*.key")} - {"audit", "vault"})
    if key := os.environ.get("TOWER_KEY"):
        try:
            await Identity(settings, control().store).authenticate(key)
        except NotAuthenticated:
            return Finding("keys", BAD, "TOWER_KEY is nobody's key", "correct it, or unset it")
        return Finding("keys", GOOD, "TOWER_KEY is set and says who you are")
    if not people:
        return Finding("keys", BAD, "nobody has one", "name people in users.toml in your policies' folder")
    named = ", ".join(f"{person} ({about})" for about, person in declared().items())
    by = os.environ.get("TOWER_USER") or named or "nobody"
    keys = f"development keys of {', '.join(people)} lie in {settings.home / 'keys'}"
    detail = f"{keys}; without --as acts {by}"
    return Finding("keys", NOTE, detail, "in production give each person a TOWER_KEY and keep none here")


async def _audit() -> Finding:
    verdict = await asyncio.to_thread(read_verdict)
    return Finding("audit log", GOOD if verdict.whole else BAD, verdict.message)


async def _tracing() -> Finding:
    if not os.environ.get("LANGSMITH_API_KEY"):
        return Finding(
            "tracing", NOTE, "off; nothing is sent", "set LANGSMITH_API_KEY to see runs in LangSmith"
        )
    return Finding("tracing", GOOD, f"LangSmith, project {os.environ.get('LANGSMITH_PROJECT', 'default')}")


CHECKS = {
    "home": _home,
    "model": _model,
    "policies": _policies,
    "graphs": _graphs,
    "control": _control,
    "breakers": _breakers,
    "checkpoints": _checkpoints,
    "records": _records,
    "keys": _keys,
    "audit log": _audit,
    "tracing": _tracing,
}


def checks() -> Mapping[str, Callable[[], Awaitable[Finding]]]:
    """All of them, with one for each other system that the application asks."""
    try:
        systems = domain().systems
    except Exception:  # noqa: BLE001 - the checks that need the application say what is wrong with it
        systems = ()
    return CHECKS | {system.name: partial(_system, system) for system in systems}


def _place(store: str) -> str:
    """Where a store is."""
    return masked(Settings.from_env().url(store))


def masked(url: str) -> str:
    """The whole URL, but for a password in it."""
    url = re.sub(r"(://[^/?#:@]*):[^/?#]*@", r"\1:***@", url)
    return re.sub(r"([?&]\w*password=)[^&]*", r"\1***", url)
