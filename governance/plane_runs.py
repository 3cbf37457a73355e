"""The control plane's book of runs: admission, state, usage and end."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from governance import budget, events, manifest, releases, runs, timers
from governance.acts import Act, Json
from governance.audit import Entry
from governance.clock import stamp
from governance.contract import Contract
from governance.errors import Denied, ReleaseChanged
from governance.events import Event
from governance.ids import new_id
from governance.plane_parts import Parts
from governance.principals import Run, User
from governance.runs import Record
from governance.store import Tx

_KEPT_RUNS = 1024


class RunBook(Parts):
    """Runs as they were admitted; what a graph or a client says about them counts for nothing."""

    async def open_run(  # noqa: PLR0913 - all that is fixed at admission
        self,
        *,
        graph: str,
        user: User,
        contract: Contract,
        input: Json,  # noqa: A002 - the graph's input, in LangGraph's word
        subject: str | None = None,
        verified: str = "no",
        thread_id: str = "",
        event: Event | None = None,
        follows: bool = False,
    ) -> Run:
        """Admit a request: fix for whom, about whom and under which contract it runs.

        Args:
            input: What the graph is given, personal values as tokens already.
            thread_id: Empty where it is bound later.
            event: What it is opened by; an event opens one run at most.
            follows: It may be a further request of the conversation on its thread.

        Raises:
            EventSeen: The event was handled before; nothing was opened.
        """
        run = Run(new_id("run", 16), thread_id, graph, user, subject, verified, self.version, contract)

        def work(tx: Tx) -> None:
            runs.open_run(tx, run, input, self.clock(), follows=follows)
            body: dict[str, Any] = {
                "graph": graph,
                "subject": subject,
                "verified": verified,
                "contract": contract.to_json(),
            }
            body |= self._configure(tx, run.id)
            self.audit.append(tx, Entry.of_run("run_opened", run, **body))
            if event:
                events.take(tx, self.audit, event, run)

        await self.store.transact(work)
        return self.keep(run)

    def _configure(self, tx: Tx, run_id: str) -> dict[str, Json]:
        """Tie a run to the files it runs on."""
        if self.manifest is None:
            return {}
        manifest.record(tx, self.audit, self.manifest, self.clock())
        releases.pin(tx, run_id, self.manifest)
        self._configured.add(run_id)
        return {"manifest": self.manifest.hash}

    async def take_up(self, run: Run, steps: Collection[str]) -> None:
        """Make sure that a run's graph still has every step that it had when the run began.

        Raises:
            ReleaseChanged: It hasn't; the run stays as it is.
        """
        ours = self.manifest
        if ours is None or (run.graph in self._graphs_seen and run.id in self._configured):
            return
        no = await self.store.transact(lambda tx: releases.check_steps(tx, self.audit, ours, run, steps))
        if no:
            raise no
        self._graphs_seen.add(run.graph)

    async def _migrate(self, run: Run) -> None:
        """Write down that a run goes on under other files than those it ran on before."""
        ours = self.manifest
        if ours is None or run.id in self._configured:
            return
        now = self.clock()
        if begun := await self.store.transact(lambda tx: releases.migrate(tx, self.audit, ours, run, now)):
            self._begun[run.id] = begun
        self._configured.add(run.id)

    async def run(self, run_id: str) -> Run:
        """The run as it was admitted.

        Raises:
            InvalidInput: There is none of this id.
        """
        known = self._runs_seen.get(run_id)
        return known or self.keep((await self.record(run_id)).run)

    async def trusted(self, run_id: str) -> frozenset[str]:
        """Every value that our own records vouch for in a run: its contract's, and what its effects made."""
        added = await self.store.read(lambda tx: runs.added_trust(tx, run_id))
        known = (await self.run(run_id)).contract.trusted
        return frozenset().union(*known.values(), *added.values())

    async def record(self, run_id: str) -> Record:
        """The run with its input, state and outcome."""
        return await self.store.read(lambda tx: runs.get(tx, run_id))

    async def runs(
        self, *, tenant: str | None = None, state: str | None = None, limit: int = 100
    ) -> list[Record]:
        """Runs, newest first."""
        return await self.store.read(lambda tx: runs.listed(tx, tenant=tenant, state=state, limit=limit))

    async def without_model(self) -> list[str]:
        """Runs that stopped since no model answered; a resume takes each up where it was."""
        return await self.store.read(runs.without_model)

    async def bind(self, run_id: str, thread_id: str, user_id: str) -> Run:
        """Tie a run to its thread, once; only for whoever opened it.

        Raises:
            Denied: It is another person's run, or bound to another thread.
        """
        return self.keep(await self.store.transact(lambda tx: runs.bind(tx, run_id, thread_id, user_id)))

    def end(self, tx: Tx, run: Run, outcome: Mapping[str, Any]) -> dict[str, Any]:
        """Add what a run has used to its outcome and close it; the first outcome stands."""
        self._settle_open(tx, run)
        closed = {**outcome, "usage": self._used(tx, run.id)}
        if runs.close(tx, run.id, closed, self.clock()):
            self.audit.append(tx, Entry.of_run("run_ended", run, status=str(outcome.get("status"))))
        return closed

    def _settle_open(self, tx: Tx, run: Run) -> None:
        """Count what the dead reserved and nobody took up again; what is at work settles by itself."""
        for key, cost in budget.left_open(tx, run.id).items():
            begun = tx.one(
                "SELECT worker, lease, agent, seam, action FROM journal WHERE key = ? AND state = 'open'",
                (key,),
            )
            if begun and (self.worker.died(begun[0]) or begun[1] <= stamp(self.clock())):
                budget.settle(tx, key)
                entry = Entry.of_run("abandoned", run)
                who = {"actor": begun[2], "seam": begun[3], "action": begun[4]}
                self.audit.append(tx, replace(entry, cost=cost, key=key, **who))

    async def usage(self, run_id: str) -> dict[str, Any]:
        """What a run has used, by unit.

        Returns:
            Each unit; `seconds` at work and `waited_seconds` beside it; `late`, whether the service
            level is missed; `percent` of the scarcest unit; `degraded`, whether the degrade step
            applies; and `agents`, the units by agent.
        """
        return await self.store.read(lambda tx: self._used(tx, run_id))

    def _used(self, tx: Tx, run_id: str) -> dict[str, Any]:
        spent, by_agent = budget.spent(tx, f"run:{run_id}"), budget.spent_by_agent(tx, run_id)
        share = budget.share(spent, self.limits.run)
        return {
            **budget.by_unit(spent),
            **self._times(tx, run_id),
            "percent": round(100 * share),
            "degraded": share >= self.limits.degrade_at,
            "agents": {name: budget.by_unit(cost) for name, cost in by_agent.items()},
        }

    def _times(self, tx: Tx, run_id: str) -> dict[str, Any]:
        """Seconds at work and waiting, and whether the service level is missed."""
        found, now = timers.read(tx, run_id), self.clock()
        if found is None:
            return {"seconds": 0, "waited_seconds": 0, "late": False}
        hours = self.limits.times.service_hours
        return {
            "seconds": round(found.worked(now).total_seconds()),
            "waited_seconds": round(found.waited(now).total_seconds()),
            "late": hours is not None and found.taken(now).total_seconds() > hours * 3600,
        }

    def role(self, run_id: str, asked: str) -> str:
        """The model role that answers: the declared cheaper one once the run's budget runs low."""
        low = self.spending.scarce.get(run_id, False)
        return self.limits.degrade.get(asked, asked) if low else asked

    async def note(self, run: Run, kind: str, body: Mapping[str, Json]) -> None:
        """Add an audit entry about a run."""
        entry = Entry.of_run(kind, run, **body)
        await self.store.transact(lambda tx: self.audit.append(tx, entry))

    async def own(self, act: Act) -> Act:
        """The act with the run as it was admitted, not as whoever asks has it."""
        admitted = await self.run(act.actor.run.id)
        await self._migrate(admitted)
        try:
            if act.actor.run is not admitted:
                if replace(act.actor.run, thread_id=admitted.thread_id) != admitted:
                    msg = f"run {admitted.id} was admitted with other rights than this act claims"
                    raise Denied(msg)  # noqa: TRY301 - written down below, as every refusal
                act = replace(act, actor=replace(act.actor, run=admitted))
            begun = self._begun.get(admitted.id)
            return releases.as_begun(begun, act) if begun else act
        except (Denied, ReleaseChanged) as refusal:
            no, asked = refusal, act
            await self.store.transact(lambda tx: self.gate.refuse(tx, asked, no))
            raise

    def keep(self, run: Run) -> Run:
        """Remember a run, so that it isn't read again for each act."""
        if len(self._runs_seen) >= _KEPT_RUNS:
            self._runs_seen.pop(next(iter(self._runs_seen)))
        self._runs_seen[run.id] = run
        return run
