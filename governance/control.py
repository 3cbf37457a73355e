"""The control plane: one function to ask before an act, one to tell after it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future
from itertools import chain, repeat
from typing import Any, TypeVar

from governance import agents, journal, telemetry
from governance.acts import Act, Clearance, Cost, Decision, Json
from governance.audit import Entry
from governance.errors import ControlUnavailable, TowerError
from governance.gate import Wait
from governance.limits import load_limits
from governance.manifest import read_manifest
from governance.plane_effects import Effects
from governance.principals import AgentIdentity, User
from governance.settings import Settings
from governance.store import ControlStore, Tx, Work

T = TypeVar("T")
_POLL_SECONDS = (0.01, 0.02, 0.05, 0.1, 0.25)
_LONGEST_POLL_SECONDS = 0.5


class ControlPlane(Effects):
    """Clears acts, keeps their results, and remembers everything that was asked and answered.

    Safe to use from any thread and any event loop; all I/O happens in the store's threads.
    """

    async def clear(self, act: Act) -> Clearance:
        """Ask for leave to act; waits while another worker is at the very same act.

        Raises:
            Denied: Contract, policy or a revocation forbids it.
            ApprovalRequired: A person must say yes first; the question is asked.
            ApprovalRejected: The person said no, or nobody answered in time.
            BudgetExhausted: It would cost more than what is left.
            BreakerOpen: What it needs has failed too often of late.
            RateLimited: It comes too often.
            EffectUnknown: Whoever began it before is gone, and a repeat might act twice.
            ControlUnavailable: The control plane can't answer.
        """
        return await self._cleared(act, lambda _, clearance: clearance)

    async def conclude(
        self, run_id: str, outcome: Mapping[str, Any], delivery: Act | None = None
    ) -> dict[str, Any]:
        """Have an outcome's delivery cleared and close its run, in one transaction.

        Args:
            delivery: None where nothing is handed out.

        Returns:
            The outcome with its `usage`; what was written when the run had ended before stands.

        Raises:
            Denied, …: As `clear` does; the run isn't closed then.
        """
        run = await self.run(run_id)
        result = journal.encode({"status": str(outcome.get("status"))})

        def close(tx: Tx, clearance: Clearance) -> dict[str, Any]:
            if not clearance.done_before:
                self.gate.settle(tx, clearance, result, clearance.act.cost, {})
            return self.end(tx, run, outcome)

        if delivery is None:
            return await self.store.transact(lambda tx: self.end(tx, run, outcome))
        return await self._cleared(delivery, close)

    async def assess(self, act: Act) -> Decision:
        """What contract and policy say to an act, without asking anybody or using anything up."""
        act = await self.own(act)
        return await self.store.read(lambda tx: self.gate.assess(tx, act))

    async def settle(
        self,
        clearance: Clearance,
        result: Json,
        used: Cost,
        *,
        trusts: Mapping[str, Collection[str]] | None = None,
    ) -> None:
        """Keep the result of an act and pay for it.

        Args:
            trusts: What the effect adds to the run's trusted sets, such as the id of a claim that it
                opened; from the tool's own record, never from what a model said.
        """
        if clearance.done_before:
            return
        stored = journal.encode(result)
        # What a power cut takes back of the rest is done again, and that does no harm.
        await self._write_down(
            lambda tx: self.gate.settle(tx, clearance, stored, used, trusts or {}),
            synced=not clearance.act.repeatable,
        )

    async def fail(self, clearance: Clearance, error: str, used: Cost, *, retry: bool | None = None) -> None:
        """Note that an act ended without a result.

        Args:
            error: What went wrong, personal values as tokens.
            retry: It may be tried again; by default where a repeat does no harm. Say True where
                it is certain that nothing was done. Otherwise it is unknown whether it acted.
        """
        again = clearance.act.repeatable if retry is None else retry
        await self._write_down(
            lambda tx: self.gate.fail(tx, clearance, error, used, retry=again, blame=retry is not True)
        )

    async def register_agent(self, identity: AgentIdentity) -> None:
        """Note an agent the first time that it is seen."""
        if identity not in self._agents_seen:
            await self.store.transact(lambda tx: agents.register(tx, identity, self.clock()))
            self._agents_seen.add(identity)

    async def revoke(self, name: str, *, version: str = agents.EVERY_VERSION, by: User | None = None) -> None:
        """Forbid an agent every further act, from its next call on."""

        def work(tx: Tx) -> None:
            agents.revoke(tx, name, self.clock(), version)
            user, tenant = (by.id, by.tenant) if by else (None, None)
            entry = Entry("agent_revoked", tenant=tenant, user=user, actor=name, agent_version=version)
            self.audit.append(tx, entry)

        await self.store.transact(work)

    def close(self) -> None:
        """Sign the end of the log and let go of everything."""
        self.store.close()
        self.worker.stop()

    async def _write_down(self, work: Work[None], *, synced: bool = True) -> None:
        """Write what has happened already; a database that is away may come back in time."""
        until = time.monotonic() + self.patience.total_seconds()
        for pause in chain(_POLL_SECONDS, repeat(_LONGEST_POLL_SECONDS)):
            try:
                return await self.store.transact(work, synced=synced)
            except ControlUnavailable:
                if self.store.closed or time.monotonic() + pause > until:
                    raise
            await asyncio.sleep(pause)
        raise AssertionError  # pauses never end

    async def _cleared(self, act: Act, then: Callable[[Tx, Clearance], T]) -> T:
        """Have an act cleared, and do what follows in the same transaction."""
        act = await self.own(act)

        def work(tx: Tx) -> T | TowerError | Wait:
            self.worker.start()
            answer = self.gate.clear(tx, act)
            return then(tx, answer) if isinstance(answer, Clearance) else answer

        for pause in chain(_POLL_SECONDS, repeat(_LONGEST_POLL_SECONDS)):
            future = self.store.submit(work)
            try:
                answer = await asyncio.wrap_future(future)
            except asyncio.CancelledError:
                future.add_done_callback(self._give_back)
                raise
            if isinstance(answer, TowerError):
                raise answer
            if not isinstance(answer, Wait):
                return answer
            await asyncio.sleep(pause)
        raise AssertionError  # pauses never end

    def _give_back(self, future: Future[Any]) -> None:
        """Whoever asked was cancelled while the transaction ran: what was cleared is not acted on."""
        if future.cancelled() or future.exception():
            return
        clearance = future.result()
        if isinstance(clearance, Clearance) and not clearance.done_before:
            self.store.submit(lambda tx: self.gate.release(tx, clearance))


_lock = threading.Lock()
_current: list[ControlPlane] = []


def control() -> ControlPlane:
    """The control plane of this process, put together from the environment at first use.

    Raises:
        ControlUnavailable: Policies or limits can't be read; nothing may act.
    """
    if not _current:
        with _lock:
            if not _current:
                _current.append(_build(Settings.from_env()))
    return _current[0]


def use_control(plane: ControlPlane | None) -> None:
    """Put a control plane in place of this process's (tests); None has the next use build one anew."""
    with _lock:
        _current[:] = [plane] if plane else []


def _build(settings: Settings) -> ControlPlane:
    # Here, since both import this package's other half.
    from governance.policy import load_policy  # noqa: PLC0415
    from governance.vault import Vault  # noqa: PLC0415

    store = ControlStore(settings.url("control"))
    manifest = read_manifest(settings.home)
    vault = Vault(settings, store)
    plane = ControlPlane(settings, store, load_policy(), load_limits(settings), vault, manifest=manifest)
    telemetry.attach(plane.audit)
    return plane
