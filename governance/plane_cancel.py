"""The control plane's way to end a run before its time: nothing more is done in it."""

from __future__ import annotations

from governance import runs
from governance.audit import Entry
from governance.errors import InvalidInput
from governance.outcome import Status
from governance.plane_people import Hearing
from governance.principals import Run, User
from governance.runs import ENDED, Record
from governance.store import Tx


class Cancelling(Hearing):
    """Runs that a person ends."""

    async def cancel_run(self, user: User, run_id: str, reason: str = "") -> Record:
        """End a run as `cancelled`: its next act is refused, what it asks is void, what it began is finished.

        Args:
            reason: Why, in the person's words; personal values are masked.

        Raises:
            Denied: The person may not cancel it.
            InvalidInput: There is no such run in their tenant, it is over, or it is an undo.
        """
        record = await self.record(run_id)
        run = record.run
        await self.permit(user, "cancel_run", tenant=run.user.tenant, owner=run.user.id)
        if "undoes" in record.input:
            msg = f"{run_id} takes another run back and can't be left half-way; `tower undo` goes on with it"
            raise InvalidInput(msg)
        said = f": {await self.vault.tokenise(user.tenant, reason, {})}" if reason else ""
        if record.state == ENDED or not await self.end_early(run, user, f"cancelled by {user.id}{said}"):
            ended = (await self.record(run_id)).outcome or {}
            msg = (
                f"run {run_id} is over ({ended.get('status')}); `tower undo {run_id}` takes back what it did"
            )
            raise InvalidInput(msg)
        return await self.record(run_id)

    async def end_early(self, run: Run, user: User, reason: str) -> bool:
        """Write that a person ended a run, and void its questions; False if it was over."""
        status = Status.CANCELLED.value

        def work(tx: Tx) -> bool:
            outcome = {"status": status, "answer": "", "reasons": [reason], "usage": self._used(tx, run.id)}
            if not runs.close(tx, run.id, outcome, self.clock()):
                return False
            self._settle_open(tx, run)
            self.audit.append(tx, Entry.of_run("run_ended", run, user, status=status, reason=reason))
            return True

        return await self.store.transact(work)
