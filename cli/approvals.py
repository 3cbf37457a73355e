"""Approvals: what waits for a person, and the person's answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.people import As, within
from cli.terminal import Exit, Json, complain, console, dump, finish, say, typed

if TYPE_CHECKING:
    from cli.session import Session
    from governance.approvals import Approval

Id = Annotated[str, typer.Argument(metavar="ID", help="Its id, such as apr-1a2b….")]
Goes = Annotated[
    bool, typer.Option("--resume/--no-resume", help="Let the run go on at once, in this process.")
]


def listing(user: As = None, json: Json = False) -> None:
    """List what waits for a person in your tenant, oldest first."""

    async def work(opened: Session) -> int:
        asked = await opened.plane.pending(opened.user.tenant)
        pending = [approval for approval in asked if opened.may_read(approval.requester)]
        if json:
            grounds = [(await opened.plane.grounds(approval)).to_json() for approval in pending]
            dump([_form(a) | {"grounds": g} for a, g in zip(pending, grounds, strict=True)])
            return Exit.COMPLETED
        for approval in pending:
            await ask(opened, approval)
        if not pending:
            say("Nothing waits for a person.")
        return Exit.COMPLETED

    within(work, user)


async def ask(opened: Session, approval: Approval, *, whole: bool = False) -> None:
    """Print a question as the user may see it, what it rests on, and the commands that answer it.

    Args:
        whole: With every line of the request.
    """
    from cli.question import commands, request
    from governance.grounds import FIRST, who_may

    shown, grounds = await opened.plane.shown_to(opened.user, approval)
    named = await opened.plane.store.read(lambda tx: who_may(tx, approval))
    # Whoever looks stands in the commands if they may answer themselves.
    who = opened.user.id if opened.user.id in named else next(iter(named), "USER")
    more = [] if whole else [typed(f"\nMore: tower show {approval.run} --as {who}")]
    say("", request(shown, grounds, lines=None if whole else FIRST), "", "Answer:")
    for line in (*commands(approval, who), *more):
        console().print(line, soft_wrap=True)  # one line each, to be copied


def approve(approval_id: Id, user: As = None, resume: Goes = True, json: Json = False) -> None:
    """Say yes; the run goes on from its checkpoint.

    The process that asked may be gone.
    """
    finish(_answer(approval_id, {"type": "approve"}, user, resume=resume, json=json))


def reject(
    approval_id: Id,
    reason: Annotated[str, typer.Option(help="Why; the requester reads it.")],
    user: As = None,
    resume: Goes = True,
    json: Json = False,
) -> None:
    """Say no; the run goes on to its end without the act."""
    finish(_answer(approval_id, {"type": "reject", "message": reason}, user, resume=resume, json=json))


def edit(
    approval_id: Id,
    changes: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="One argument; repeatable.")
    ] = None,
    whole: Annotated[
        str | None, typer.Option("--json-args", metavar="JSON", help="All arguments instead.")
    ] = None,
    user: As = None,
    resume: Goes = True,
    json: Json = False,
) -> None:
    """Say yes to other arguments; policy judges them again."""

    async def edited(approval: Approval) -> dict[str, Any]:
        args = _object(whole) if whole else dict(approval.args)
        args |= dict(_assignment(change, approval) for change in changes or ())
        return {"type": "edit", "edited_action": {"name": approval.action, "args": args}}

    if not changes and not whole:
        msg = "say what to change: --set amount=40000 or --json-args '{…}'"
        raise typer.BadParameter(msg)
    finish(_answer(approval_id, edited, user, resume=resume, json=json))


async def _answer(approval_id: str, decision: Any, user: str | None, *, resume: bool, json: bool) -> int:
    from cli.run import go_on
    from cli.session import session

    async with session(user) as opened:
        asked = await opened.approval(approval_id)
        said = await decision(asked) if callable(decision) else decision
        decided = await opened.plane.decide(opened.user, {"approval_id": approval_id, "decisions": [said]})
        if not json:
            say(f"{decided.id}: {decided.reason}")
        if not resume:
            if json:
                dump(_form(decided))
            return Exit.COMPLETED
        record = await opened.plane.record(decided.run)
        if record.state == "ended":
            complain(f"run {decided.run} has ended already; nothing is done twice")
        return await go_on(opened, record, json=json)


def _object(text: str) -> dict[str, Any]:
    import json

    from governance.errors import InvalidInput

    try:
        value = json.loads(text)
    except ValueError as error:
        msg = f"--json-args isn't JSON: {error}"
        raise InvalidInput(msg) from error
    if not isinstance(value, dict):
        msg = "--json-args must be one JSON object with all arguments"
        raise InvalidInput(msg)
    return value


def _assignment(change: str, approval: Approval) -> tuple[str, Any]:
    """`name=value` with the value in the type that the argument has now."""
    import json

    from governance.errors import InvalidInput

    name, sign, value = change.partition("=")
    if not sign or name not in approval.args:
        msg = f"--set {change!r}: write NAME=VALUE with one of {', '.join(approval.args)}"
        raise InvalidInput(msg)
    if isinstance(approval.args[name], str):
        return name, value
    try:
        return name, json.loads(value)
    except ValueError as error:
        msg = f"--set {change!r}: {value!r} isn't of its type ({type(approval.args[name]).__name__})"
        raise InvalidInput(msg) from error


def _form(approval: Approval) -> dict[str, Any]:
    names = ("id", "run", "action", "description", "state", "requester", "expires", "decided_by", "reason")
    form = {name: getattr(approval, name) for name in names}
    return form | {
        "args": dict(approval.args),
        "roles": list(approval.roles),
        "allowed": list(approval.allowed),
    }
