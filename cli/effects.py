"""Effects: what tools changed, what nobody knows the end of, and a person's word for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.people import As, within
from cli.terminal import Json, euros, table_of, tell
from cli.undo import undo

if TYPE_CHECKING:
    from rich.table import Table

    from cli.session import Session
    from governance.effects import Recorded

app = typer.Typer(
    help="What was done or may have been; settle it or undo it.", no_args_is_help=True, rich_markup_mode=None
)
app.command("undo")(undo)

Key = Annotated[str, typer.Argument(metavar="KEY", help="The effect's key, as `effects list` shows it.")]


@app.command("list")
def listing(
    run_id: Annotated[
        str | None, typer.Argument(metavar="[RUN]", help="All that this run changed, instead.")
    ] = None,
    user: As = None,
    json: Json = False,
) -> None:
    """List what a person must settle.

    Effects in doubt, and what could not be undone.
    """

    async def work(opened: Session) -> None:
        if run_id:
            await opened.record(run_id)
            tools = opened.application.tools
            found = [e for e in await opened.plane.effects(run_id) if tools[e.action].writes]
        else:
            waiting = await opened.plane.unsettled(opened.user.tenant)
            found = [effect for effect in waiting if opened.may_read(effect.owner)]
        said = _table(found) if found else "Nothing is in doubt."
        tell([_form(effect) for effect in found], said, json=json)

    within(work, user)


@app.command()
def show(key: Key, user: As = None, json: Json = False) -> None:
    """Show one effect: what came of it and how it is undone.

    With the arguments that it was called with.
    """

    async def work(opened: Session) -> None:
        from rich.table import Table

        effect = await opened.plane.effect(key)
        await opened.record(effect.run)
        tool = opened.application.tools[effect.action]
        told = _form(effect) | {
            "args": await opened.plane.args_of(effect),
            "undone_by": tool.undo,
            "window_minutes": tool.window.total_seconds() // 60 if tool.window else None,
            "settled_by": tool.settled_by.name if tool.settled_by else "a person",
        }
        table = Table.grid(padding=(0, 2))
        for name, value in euros({k: v for k, v in told.items() if v is not None}).items():
            table.add_row(name, value)
        tell(told, table, json=json)

    within(work, user)


@app.command()
def settle(
    key: Key,
    happened: Annotated[bool, typer.Option("--happened/--not-done", help="Whether it was done.")],
    reason: Annotated[str, typer.Option(help="How you know; the audit log keeps it.")],
    result: Annotated[
        str | None, typer.Option(metavar="JSON", help="What the tool would have returned, if it happened.")
    ] = None,
    user: As = None,
    json: Json = False,
) -> None:
    """Say what became of an effect that is in doubt.

    After that `resume RUN` goes on, doing nothing twice.
    """

    async def work(opened: Session) -> None:
        from governance.errors import InvalidInput
        from tools.doubt import settle_by_hand

        if happened and result is None:
            msg = "say what came of it: --result '{…}', as `tower effects show` has it for a like one"
            raise InvalidInput(msg)
        effect = await opened.plane.effect(key)
        tool = opened.application.tools[effect.action]
        said = result if happened else None
        settled = await settle_by_hand(tool, key, opened.user, result=said, reason=reason)
        done = f"{settled.action} is {settled.state}. Go on with: tower resume {settled.run}"
        tell(_form(settled), done, json=json)

    within(work, user)


@app.command()
def breakers(user: As = None, json: Json = False) -> None:
    """Show which models, tools and agents have failed of late.

    And which of them are left alone for a while.
    """

    async def work(opened: Session) -> None:
        found = await opened.plane.breakers()
        plain = [{"name": b.name, "failures": b.failures, "opened": b.opened} for b in found]
        since = [f"open since {b.opened:%Y-%m-%d %H:%M:%S} UTC" if b.opened else "closed" for b in found]
        lines = [
            f"{b.name}  {b.failures} failures in a row, {how}" for b, how in zip(found, since, strict=True)
        ]
        tell(plain, *(lines or ["All models, tools and agents are well."]), json=json)

    within(work, user)


def _form(effect: Recorded) -> dict[str, Any]:
    names = ("key", "run", "action", "agent", "owner", "state", "attempt", "begun", "ended")
    return {name: getattr(effect, name) for name in (*names, "approved_by", "error", "result")}


def _table(found: list[Recorded]) -> Table:
    table = table_of("what", "by", "stands", "begun (UTC)", "key")
    for effect in found:
        begun = f"{effect.begun:%m-%d %H:%M}"
        table.add_row(effect.action, effect.agent, effect.state, begun, effect.key)
    return table
