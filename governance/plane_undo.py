"""The control plane's part in an undo: the run that takes another one back, and who agrees to it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

from governance import runs
from governance.acts import Act, Json
from governance.approvals import PENDING, Approval
from governance.audit import Entry
from governance.contract import Contract
from governance.errors import Denied
from governance.outcome import Status
from governance.plane_cancel import Cancelling
from governance.principals import Run, User
from governance.store import Tx

UNDO = "undo"
"""The graph's name of a run that takes another one back."""


class Undoing(Cancelling):
    """Runs that take other runs back."""

    async def stop_for_undo(self, user: User, run_id: str) -> Run:
        """End a run that is to be taken back, unless it has ended, so that nothing more is done in it.

        Raises:
            Denied: The person may not undo it.
        """
        run = (await self.record(run_id)).run
        await self.permit(user, "undo_run", tenant=run.user.tenant, owner=run.user.id)
        await self.end_early(run, user, f"taken back by {user.id}")
        return run

    async def open_undo(self, user: User, origin: Run, tools: Mapping[str, int]) -> Run:
        """Open the run that takes another one back, or find it.

        It has the other one's customer and trusted sets, and a contract for the compensations alone.

        Args:
            tools: The compensations, and how often each is needed.
        """
        undo_id = _undo_of(origin.id)

        def work(tx: Tx) -> Run:
            if runs.state(tx, undo_id):
                return runs.get(tx, undo_id).run
            trusted = dict(origin.contract.trusted)
            for name, values in runs.added_trust(tx, origin.id).items():
                trusted[name] = trusted.get(name, frozenset()) | values
            run = replace(
                origin,
                id=undo_id,
                thread_id="",
                graph=UNDO,
                user=user,
                policy_version=self.version,
                contract=Contract(tools, trusted),
            )
            runs.open_run(tx, run, {"undoes": origin.id}, self.clock())
            body: dict[str, Json] = {"graph": UNDO, "undoes": origin.id, "contract": run.contract.to_json()}
            self.audit.append(tx, Entry.of_run("run_opened", run, **body))
            self.audit.append(tx, Entry.of_run("undo_opened", origin, user, undo_run=undo_id))
            return run

        return self.keep(await self.store.transact(work))

    async def taken_back(self, run_id: str) -> bool:
        """Whether all that a run changed was taken back."""

        def work(tx: Tx) -> bool:
            undo_id = _undo_of(run_id)
            ended = runs.get(tx, undo_id).outcome if runs.state(tx, undo_id) else None
            return bool(ended and ended["status"] == Status.COMPLETED)

        return await self.store.read(work)

    async def ask_or_agree(
        self, act: Act, user: User | None, *, requester: str, description: str
    ) -> Approval:
        """Ask about an act in somebody's name, and take it as answered where a person who may agrees.

        Args:
            user: Who agrees, if anybody does.
            requester: Who started what is taken back; whoever that is can't be the one who agrees.
        """

        def work(tx: Tx) -> Approval:
            asked = self.gate.ask(tx, act, description, ("approve", "reject"), requester=requester)
            if asked.state != PENDING:
                return asked
            if user:
                with suppress(Denied):
                    return self._decide(tx, user, {"approval_id": asked.id, "type": "approve"})
            self.gate.hold(tx, act.actor.run.id)
            return asked

        return await self.store.transact(work)


def _undo_of(run_id: str) -> str:
    return f"{UNDO}-{run_id.removeprefix('run-')}"
