"""Doctor: what is configured, what is missing, and what to do about it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, is_dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.people import OPERATION, AsOperator
from cli.terminal import Exit, Json, dump, finish, mark, say, styled, typed

if TYPE_CHECKING:
    from cli.checks import Finding

MARKS = {"ok": mark(good=True), "note": ("•", "yellow"), "missing": mark(good=False)}


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
    user: AsOperator = None,
    json: Json = False,
) -> None:
    """Say what is configured, what is missing and what to do."""
    if approve or drift or restore:
        from cli import configuration

        finish(
            configuration.approve(user) if approve else configuration.drift(user, restore=restore, json=json)
        )

    async def work() -> int:
        from cli.checks import BAD, Finding, checks

        found: list[Finding] = []
        for name, check in checks().items():
            seen = await _look(name, check)
            same = next((f.name for f in found if f.state == BAD and f.detail == seen.detail), "")
            found.append(Finding(name, BAD, f"as {same}", f"mend {same} first") if same else seen)
        readiness = await _readiness(user) if data else []
        if json:
            dump({"findings": [asdict(f) for f in found], "data": readiness})
        else:
            show(found)
            if data:
                _print_data(readiness)
        return Exit.FAILED if any(f.state == BAD for f in found) else Exit.COMPLETED

    finish(work())


def show(findings: Sequence[Finding]) -> None:
    """Print findings, each with what to do."""
    from rich.table import Table

    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column()
    table.add_column()
    table.add_column(overflow="fold")
    for f in findings:
        table.add_row(styled(MARKS[f.state]), styled((f.name, "bold")), typed(f.detail))
        if f.todo:
            table.add_row("", "", styled((f"→ {typed(f.todo)}", "dim")))
    say(table)


async def _look(name: str, check: Callable[[], Awaitable[Finding]]) -> Finding:
    from cli.checks import BAD, Finding
    from governance.errors import TowerError

    try:
        return await check()
    except Exception as error:  # noqa: BLE001 - whatever is wrong is what the doctor is to report
        kind = "" if isinstance(error, TowerError) else f"{type(error).__name__}: "
        return Finding(name, BAD, f"{kind}{' '.join(str(error).split())}", "see the message")


async def _readiness(user: str | None) -> list[dict[str, Any]]:
    from cli.session import session

    async with session(user, OPERATION) as opened:
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
