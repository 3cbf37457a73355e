"""Doctor: what is configured, what is missing, and what to do about it."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, is_dataclass
from typing import Annotated, Any

import typer

from cli.terminal import As, Exit, Json, dump, finish, mark, say, styled

GOOD, NOTE, BAD = "ok", "note", "missing"
MARKS = {GOOD: mark(good=True), NOTE: ("•", "yellow"), BAD: mark(good=False)}


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


def doctor(
    data: Annotated[
        bool, typer.Option("--data", help="Look for gaps, contradictions and stale records, too.")
    ] = False,
    drift: Annotated[
        bool, typer.Option("--drift", help="Show which files differ from those that were approved.")
    ] = False,
    approve: Annotated[
        bool, typer.Option("--approve", help="Approve code, policies, limits and prompts as they are.")
    ] = False,
    restore: Annotated[bool, typer.Option("--restore", help="Bring the approved files back.")] = False,
    user: As = None,
    json: Json = False,
) -> None:
    """Say what is configured, what is missing and what to do."""
    if approve or drift or restore:
        from cli import configuration

        finish(
            configuration.approve(user) if approve else configuration.drift(user, restore=restore, json=json)
        )

    async def work() -> int:
        found: list[Finding] = []
        for name, check in CHECKS.items():
            seen = await _look(name, check)
            same = next((f.name for f in found if f.state == BAD and f.detail == seen.detail), "")
            found.append(Finding(name, BAD, f"as {same}", f"mend {same} first") if same else seen)
        readiness = await _readiness(user) if data else []
        if json:
            dump({"findings": [asdict(f) for f in found], "data": readiness})
        else:
            _print(found)
            if data:
                _print_data(readiness)
        return Exit.FAILED if any(f.state == BAD for f in found) else Exit.COMPLETED

    finish(work())


def _print(findings: list[Finding]) -> None:
    from rich.table import Table

    table = Table.grid(padding=(0, 2, 0, 0))
    for f in findings:
        table.add_row(styled(MARKS[f.state]), styled((f.name, "bold")), f.detail)
        if f.todo:
            table.add_row("", "", styled((f"→ {f.todo}", "dim")))
    say(table)


async def _look(name: str, check: Callable[[], Awaitable[Finding]]) -> Finding:
    try:
        return await check()
    except Exception as error:  # noqa: BLE001 - whatever is wrong is what the doctor is to report
        from governance.errors import TowerError

        kind = "" if isinstance(error, TowerError) else f"{type(error).__name__}: "
        return Finding(name, BAD, f"{kind}{' '.join(str(error).split())}", "see the message")


async def _model() -> Finding:
    from models.door import configured

    choice = configured("worker")
    if choice.provider == "offline":
        detail = "the built-in offline model: deterministic, and not a language model"
        todo = "set OPENAI_API_KEY or OPENAI_BASE_URL (any compatible server), or TOWER_LOCAL_GGUF"
        return Finding("model", NOTE, detail, todo)
    where = "prompts leave this machine" if choice.remote else "on this machine"
    if choice.provider == "openai" and os.environ.get("OPENAI_BASE_URL"):
        where = f"at {os.environ['OPENAI_BASE_URL']}"
    return Finding("model", GOOD, f"{choice.model} by {choice.provider}, {where}")


async def _home() -> Finding:
    import asyncio

    from governance.connections import private_folder
    from governance.settings import Settings

    home = Settings.from_env().home
    await asyncio.to_thread(private_folder, home)
    if not os.access(home, os.W_OK):
        return Finding("home", BAD, f"{home} can't be written", "set TOWER_HOME to a folder of yours")
    return Finding("home", GOOD, str(home))


async def _policies() -> Finding:
    from governance.control import control
    from graphs.domain import domain

    domain()
    return Finding("policies", GOOD, f"valid, version {control().policy.version[:12]}")


async def _graphs() -> Finding:
    import asyncio

    from graphs.domain import domain
    from graphs.roster import misfits

    found = await asyncio.to_thread(lambda: domain().flaws() or misfits(domain()))
    if found:
        todo = "what can't be built or isn't permitted won't run; a rule about a wrong name never applies"
        return Finding("graphs", BAD, ";\n".join(found), todo)
    return Finding("graphs", GOOD, f"{len(domain().graphs)} can be built, each with a contract")


async def _control() -> Finding:
    from governance.control import control
    from graphs.domain import domain

    domain()
    runs = await control().runs(limit=1000)
    pending = sum(record.state == "waiting" for record in runs)
    return Finding("control", GOOD, f"{_place('control')}; {len(runs)} runs, {pending} wait for a person")


async def _checkpoints() -> Finding:
    from governance.settings import Settings
    from memory.checkpoints import open_checkpointer

    async with open_checkpointer(Settings.from_env().url("checkpoints")):
        return Finding("checkpoints", GOOD, _place("checkpoints"))


async def _records() -> Finding:
    from graphs.domain import domain

    await domain().prepare()
    return Finding("records", GOOD, f"{_place(domain().name)}; records and document index are ready")


async def _keys() -> Finding:
    from governance.control import control
    from governance.errors import NotAuthenticated
    from governance.identity import Identity
    from governance.settings import Settings
    from graphs.domain import domain

    domain()
    settings = Settings.from_env()
    # Whether this key opens anything doesn't matter here: asking makes the development keys.
    with suppress(NotAuthenticated):
        await Identity(settings, control().store).authenticate("")
    people = sorted({p.stem for p in (settings.home / "keys").glob("*.key")} - {"audit", "vault"})
    if os.environ.get("TOWER_KEY"):
        return Finding("keys", GOOD, "TOWER_KEY is set and says who you are")
    if not people:
        return Finding("keys", BAD, "nobody has one", "name people in users.toml in your policies' folder")
    detail = f"development keys of {', '.join(people)} lie in {settings.home / 'keys'}"
    return Finding("keys", NOTE, detail, "in production give each person a TOWER_KEY and keep none here")


async def _audit() -> Finding:
    import asyncio

    from cli.audit import read_verdict

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
    "checkpoints": _checkpoints,
    "records": _records,
    "keys": _keys,
    "audit log": _audit,
    "tracing": _tracing,
}


def _place(store: str) -> str:
    """Where a store is, without the password in its URL."""
    from urllib.parse import urlsplit

    from governance.settings import Settings

    url = Settings.from_env().url(store)
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}{parts.path}" if parts.password else url


async def _readiness(user: str | None) -> list[dict[str, Any]]:
    from cli.session import session

    async with session(user) as opened:
        await opened.application.prepare()
        found = await opened.application.readiness(opened.user.tenant)
    return [_plain(finding) for finding in found]


def _plain(finding: Any) -> dict[str, Any]:
    if is_dataclass(finding) and not isinstance(finding, type):
        return asdict(finding)
    return finding.model_dump(mode="json") if hasattr(finding, "model_dump") else {"finding": str(finding)}


def _print_data(findings: list[dict[str, Any]]) -> None:
    say("", styled(("Data", "bold"), f": {len(findings) or 'no'} findings"))
    for finding in findings:
        shown = " · ".join(str(value) for value in finding.values() if value not in (None, "", []))
        say(f"  {shown}")
