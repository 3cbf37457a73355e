"""Call: one tool, called by a person past the same seams as an agent's call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.people import As, within
from cli.terminal import Json, console

if TYPE_CHECKING:
    from cli.session import Session
    from governance.runs import Record


def call(
    tool: Annotated[str, typer.Argument(metavar="TOOL", help="Its name, such as find_customer.")],
    values: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="An argument; JSON or plain text.")
    ] = None,
    customer: Annotated[
        str | None, typer.Option(help="The customer whom you vouch for, such as C-10001.")
    ] = None,
    vouched: Annotated[str, typer.Option(help="How the customer was verified, such as post-room.")] = "user",
    user: As = None,
    json: Json = False,
) -> None:
    """Call a tool yourself, in a run of its own.

    It is cleared, budgeted and logged like an agent's call.
    """

    async def work(opened: Session) -> int:
        from cli.run import go_on
        from nodes.admission import Request

        await opened.application.prepare()
        found, request = opened.application.tools[tool], Request("", (), customer, vouched)
        args = _arguments(values or [])
        run = await opened.application.admission.admit_call(opened.user, found.name, args, request)
        console(error=json).print(f"run {run.id}")
        return await go_on(opened, await opened.record(run.id), json=json)

    within(work, user)


async def carry_on(opened: Session, record: Record) -> Record:
    """Make the call of an admitted run, or stop where a person must say yes."""
    from nodes.by_hand import make_call

    await opened.application.prepare()
    await make_call(opened.application.tools, record.run, record.input)
    return await opened.plane.record(record.run.id)


def _arguments(values: list[str]) -> dict[str, Any]:
    """`amount=400` is a number, `note=Call back` a text.

    Raises:
        InvalidInput: There is no name or no value.
    """
    import json

    from governance.errors import InvalidInput

    read: dict[str, Any] = {}
    for given in values:
        name, equals, value = given.partition("=")
        if not equals or not name:
            msg = f"--set {given}: write it as NAME=VALUE"
            raise InvalidInput(msg)
        try:
            read[name] = json.loads(value)
        except ValueError:
            read[name] = value
    return read
