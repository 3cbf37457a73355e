"""Runs: list them, end one before its time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cli.people import As, within
from cli.terminal import Json, table_of, tell, word

if TYPE_CHECKING:
    from rich.console import RenderableType

    from cli.session import Session
    from governance.runs import Record

State = Literal["admitted", "running", "waiting", "ended"]

app = typer.Typer(rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def listing(
    context: typer.Context,
    state: Annotated[State | None, typer.Option(help="Only those that stand so.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most this many, newest first.")] = 20,
    user: As = None,
    json: Json = False,
) -> None:
    """List runs: all that you may read, newest first. Or end one: `runs cancel`."""
    if context.invoked_subcommand:
        return

    async def work(opened: Session) -> None:
        from cli.run import summary

        found = await opened.plane.runs(tenant=opened.user.tenant, state=state, limit=limit)
        readable = [record for record in found if opened.may_read(record.run.user.id)]
        shown = _table(readable, await opened.plane.without_model())
        tell([summary(record) for record in readable], shown, json=json)

    within(work, user)


@app.command()
def cancel(
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="The run to end, such as run-1a2b….")],
    reason: Annotated[str, typer.Option(help="Why; it stands in the outcome and in the log.")] = "",
    user: As = None,
    json: Json = False,
) -> None:
    """End a run; what it began is finished.

    Its next act is refused and its questions are void.

    What it did stands; `undo` takes it back.
    """

    async def work(opened: Session) -> None:
        from cli.run import summary

        await opened.record(run_id)
        record = await opened.plane.cancel_run(opened.user, run_id, reason)
        done = f"{run_id} is cancelled. What it did stands: tower undo {run_id} takes it back."
        tell(summary(record), done, json=json)

    within(work, user)


def _table(records: list[Record], without_model: list[str]) -> RenderableType:
    if not records:
        return "No runs yet. Start one: tower run examples/inbox/…"
    table = table_of("run", "graph", "by", "customer", "started (UTC)", "stands")
    table.columns[0].no_wrap = True  # an id that is cut can't be copied
    for record in records:
        run = record.run
        stands = "stopped: no model answers" if run.id in without_model else record.state
        status = (record.outcome or {}).get("status", stands)
        started = record.created[:16].replace("T", " ")
        table.add_row(run.id, run.graph, run.user.id, run.subject or "-", started, word(status))
    return table
