"""Run: start one from files or text, resume it, show what happened."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.people import As, within
from cli.terminal import Exit, Json, Progress, complain, console, dump, exit_code, say

if TYPE_CHECKING:
    from cli.session import Session
    from governance.principals import Run
    from governance.runs import Record
    from nodes.admission import Request

RunId = Annotated[str, typer.Argument(metavar="RUN", help="Its id, such as run-1a2b….")]


def start(
    what: Annotated[
        list[str], typer.Argument(metavar="FILE…|TEXT", help="Documents, a request in words, or both.")
    ],
    graph: Annotated[str, typer.Option(help="Which graph; the front door picks one by itself.")] = "adaptive",
    user: As = None,
    customer: Annotated[
        str | None,
        typer.Option(
            help="The customer whom you vouch for, such as C-10001; else the demo's manifest is asked."
        ),
    ] = None,
    vouched: Annotated[str, typer.Option(help="How the customer was verified, such as post-room.")] = "user",
    after: Annotated[
        str | None, typer.Option(metavar="RUN", help="Go on with that run's conversation.")
    ] = None,
    json: Json = False,
) -> None:
    """Run a request: a letter, an e-mail, a PDF, a question in words."""

    async def work(opened: Session) -> int:
        from cli.intake import listed_customer, request_of

        last = (await opened.record(after)).run if after else None
        known = customer or (last.subject if last else None)
        whose, how = (known, vouched) if known else listed_customer(what) or (None, vouched)
        if whose != known:
            console(error=True).print(f"customer {whose}, as the inbox's manifest says ({how})")
        request = await request_of(what, whose, how)
        return await _start(opened, last.graph if last else graph, request, last, json=json)

    within(work, user)


def resume(run_id: RunId, user: As = None, json: Json = False) -> None:
    """Go on with a run that was interrupted.

    Whatever process it died in: it goes on from its last checkpoint.
    """

    async def work(opened: Session) -> int:
        return await go_on(opened, await opened.record(run_id), json=json)

    within(work, user)


def show(run_id: RunId, user: As = None, json: Json = False) -> None:
    """Show a run: who acted, what policy said, what it cost.

    Each act with the policies that cleared or refused it, and how the run ended.
    """

    async def work(opened: Session) -> int:
        record = await opened.record(run_id)
        entries = await opened.entries(run_id)
        if json:
            dump(summary(record) | {"masked": masked(record), "entries": entries})
            return Exit.COMPLETED
        from cli.approvals import ask
        from cli.timeline import heading, outcome, timeline

        say(heading(record), "", timeline(entries), "", outcome(record, masked(record)))
        for asked in await opened.pending(run_id):
            await ask(opened, asked, whole=True)
        return Exit.COMPLETED

    within(work, user)


async def _start(opened: Session, graph: str, request: Request, last: Run | None, *, json: bool) -> int:
    record = await opened.start(graph, request, last.thread_id if last else "")
    # First of all, so that a run whose process dies can be resumed.
    console(error=json).print(f"run {record.run.id} as {opened.user.id}")
    return await go_on(opened, record, json=json)


async def go_on(opened: Session, record: Record, *, json: bool) -> int:
    """Drive a run, report how it stands, and return the exit code."""
    from asyncio import CancelledError

    if record.run.graph == "undo":
        from cli.undo import take_back

        return await take_back(opened, record.input["undoes"], agrees=False, json=json)
    from langgraph.errors import GraphDrained

    from cli.call import carry_on
    from cli.drain import draining
    from cli.drive import drive
    from nodes.admission import CALL

    try:
        with draining() as control, Progress(record.run.graph, quiet=json).running() as progress:
            if record.run.graph == CALL:
                record = await carry_on(opened, record)
            else:
                record = await drive(opened, record, progress.step, control)
    except GraphDrained:
        complain(f"stopped between two steps, as asked. Go on with: tower resume {record.run.id}")
        return Exit.DRAINED
    except CancelledError:
        complain(f"interrupted; nothing is lost. Go on with: tower resume {record.run.id}")
        raise
    waiting = await opened.pending(record.run.id)
    status = (record.outcome or {}).get("status")
    if json:
        questions = [
            {"id": a.id, "action": a.action, "args": dict(a.args), "roles": a.roles} for a in waiting
        ]
        dump(summary(record) | {"approvals": questions})
        return exit_code(status)
    from cli.approvals import ask
    from cli.timeline import outcome

    if status:
        say(outcome(record, masked(record)), f"\nMore: tower show {record.run.id}")
        if not record.run.subject and exit_code(status) == Exit.REFUSED:
            say("No customer is known here. If you vouch for one: tower run … --customer ID")
    for asked in waiting:
        await ask(opened, asked)
    for effect in await opened.unsettled(record.run.id):
        say(f"\nNobody knows whether {effect.action} happened. Say so: tower effects settle '{effect.key}'")
    return exit_code(status)


def masked(record: Record) -> dict[str, int]:
    """How many personal values of each kind were masked in the request."""
    from governance.canonical import canonical
    from nodes.deliver import PERSONAL

    tokens = set(PERSONAL.findall(canonical(record.input).decode()))
    return dict(Counter(token[1:].split(":")[0] for token in tokens))


def summary(record: Record) -> dict[str, Any]:
    """A run as machines read it."""
    run = record.run
    return {
        "run": run.id,
        "graph": run.graph,
        "user": run.user.id,
        "tenant": run.user.tenant,
        "customer": run.subject,
        "verified": run.verified,
        "thread": run.thread_id,
        "policy_version": run.policy_version,
        "created": record.created,
        "ended": record.ended,
        "state": record.state,
        "status": (record.outcome or {}).get("status"),
        "outcome": record.outcome,
    }
