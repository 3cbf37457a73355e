"""Undo: take back what a run did, last things first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.people import As, within
from cli.terminal import Exit, Json, dump, say, styled, table_of

if TYPE_CHECKING:
    from rich.table import Table

    from cli.session import Session
    from tools.undo import Report

COLOURS = {"undone": "green", "failed": "red", "irreversible": "red", "waiting": "yellow", "left": "dim"}


def undo(
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="The run to take back, such as run-1a2b….")],
    step: Annotated[
        str | None, typer.Option(metavar="TOOL", help="Only what this tool did, such as send_letter.")
    ] = None,
    user: As = None,
    json: Json = False,
) -> None:
    """Take back what a run did, last things first.

    Called again, it goes on where it stopped.

    Each step needs the yes of somebody who may give it and who didn't start the run; whoever may
    give it does so by undoing.
    """

    async def work(opened: Session) -> int:
        await opened.record(run_id)
        return await take_back(opened, run_id, step, agrees=True, json=json)

    within(work, user)


async def take_back(
    opened: Session, run_id: str, step: str | None = None, *, agrees: bool, json: bool
) -> int:
    """Undo a run, report how far it came, and return the exit code."""
    from tools.undo import Undone
    from tools.undo import undo as carry_out

    await opened.application.prepare()
    report = await carry_out(opened.application.tools, opened.user, run_id, only=step, agrees=agrees)
    waiting = await opened.pending(report.run.id)
    if json:
        dump(_form(report) | {"approvals": [{"id": a.id, "action": a.action} for a in waiting]})
    else:
        say(*_told(report))
        from cli.approvals import ask

        for asked in waiting:
            await ask(opened, asked)
    states = {each.state for each in report.steps}
    if Undone.WAITING in states:
        return Exit.WAITING
    return Exit.REFUSED if states - {Undone.UNDONE} else Exit.COMPLETED


def _told(report: Report) -> list[Any]:
    failed = next((each for each in report.steps if each.state == "failed"), None)
    if not report.steps:
        return ["This run changed nothing."]
    parts: list[Any] = [_table(report)]
    if failed:
        parts += [
            "",
            "A person must take it back. Then say so, and undo again:",
            f"  tower effects settle '{failed.key}' --happened --result JSON --reason WHY --as USER",
        ]
    return [*parts, f"\nMore: tower show {report.run.id}"]


def _table(report: Report) -> Table:
    table = table_of("what was done", "taken back by", "stands", "why")
    for each in report.steps:
        state = styled((each.state, COLOURS[each.state]))
        table.add_row(each.effect.action, each.tool.name if each.tool else "-", state, each.why)
    return table


def _form(report: Report) -> dict[str, Any]:
    return {
        "run": report.run.id,
        "status": report.status,
        "steps": [
            {
                "effect": each.effect.key,
                "action": each.effect.action,
                "by": each.tool.name if each.tool else None,
                "key": each.key,
                "state": each.state,
                "why": each.why,
            }
            for each in report.steps
        ],
    }
