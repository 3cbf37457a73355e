"""Again: a second run of the same request, deliberate, and so told apart from going on with the first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.people import As, within
from cli.run import RunId, go_on
from cli.terminal import Json, console

if TYPE_CHECKING:
    from cli.session import Session
    from governance.runs import Record


def again(run_id: RunId, user: As = None, json: Json = False) -> None:
    """Run a request again, after a bad answer.

    Nothing of the first run is replayed: models are asked and policy judges anew. It must have
    ended, and what it changed must have been taken back, so that nothing is done twice.
    """

    async def work(opened: Session) -> int:
        from governance.errors import InvalidInput
        from governance.events import AGAIN, Event, EventSeen
        from nodes.admission import Request

        first = await opened.record(run_id)
        await _check(opened, first)
        run, said = first.run, str(first.input["messages"][0]["content"])
        # As it was masked and marked; whose it is, is told anew from the same verification.
        request = Request(said.partition("\n")[2], customer=run.subject, vouched=run.verified)
        try:  # once only, or a third run would not know what the second one did
            record = await opened.start(run.graph, request, event=Event(AGAIN, run.user.tenant, "", run.id))
        except EventSeen as seen:
            msg = f"{run.id} was run again already, as {seen.run}; run that one again"
            raise InvalidInput(msg) from seen
        console(error=json).print(f"run {record.run.id}")
        return await go_on(opened, record, json=json)

    within(work, user)


async def _check(opened: Session, first: Record) -> None:
    """Refuse where something of the first run stands, or may yet come.

    Raises:
        InvalidInput: It does; with what to do first.
    """
    from governance.errors import InvalidInput
    from governance.journal import State

    run, plane, tools = first.run, opened.plane, opened.application.tools
    if run.graph not in opened.application.graphs:
        msg = f"{run.id} is a run of {run.graph}, which answers no request; only those are run again"
        raise InvalidInput(msg)
    if first.state != "ended":
        msg = f"{run.id} hasn't ended; go on with `tower resume {run.id}`, or end it with `tower runs cancel`"
        raise InvalidInput(msg)
    made = [e for e in await plane.effects(run.id) if e.state != State.FAILED and tools[e.action].writes]
    if made and not await plane.taken_back(run.id):
        names = ", ".join(dict.fromkeys(effect.action for effect in made))
        msg = f"{run.id} changed something ({names}); take that back first with `tower undo {run.id}`"
        raise InvalidInput(msg)
