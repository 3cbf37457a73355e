"""Delegate: another person answers in one's place, for a time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from cli.people import As, within
from cli.terminal import say

if TYPE_CHECKING:
    from cli.session import Session


def delegate(
    receiver: Annotated[str, typer.Argument(metavar="USER", help="Who answers in your place.")],
    roles: Annotated[list[str], typer.Option("--role", help="One of your own roles; repeatable.")],
    until: Annotated[
        datetime,
        typer.Option(help="Until then (UTC), such as 2026-12-24T18:00; a moment that is past takes it back."),
    ],
    user: As = None,
) -> None:
    """Let another person answer approvals in your place.

    For a time, such as a holiday. Each answer is on record with both names. Nobody answers what they,
    or you, have asked for.
    """

    async def work(opened: Session) -> None:
        from governance.errors import InvalidInput
        from governance.identity import read_users
        from governance.policy import POLICIES

        end = until.replace(tzinfo=until.tzinfo or UTC)
        giver, known = opened.user, read_users([POLICIES])
        if receiver not in known or known[receiver].tenant != giver.tenant:
            msg = f"there is no {receiver} in {giver.tenant}; name a user of your own tenant"
            raise InvalidInput(msg)
        await opened.plane.delegate(giver, receiver, roles=roles, until=end)
        over = end <= opened.plane.clock()
        may = "no longer answers" if over else f"may answer until {end:%Y-%m-%d %H:%M} UTC"
        say(f"{receiver} {may} with {' and '.join(sorted(roles))} in place of {giver.id}.")

    within(work, user)
