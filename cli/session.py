"""Session: an authenticated user, the control plane, and graphs driven to their end or to a person."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from langchain_core.runnables import RunnableConfig
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command

from cli.terminal import DEFAULT_USER
from governance.acts import Effect
from governance.approvals import Approval
from governance.control import ControlPlane, control
from governance.errors import InvalidInput, NotAuthenticated, TowerError
from governance.identity import Identity
from governance.principals import Run, User
from governance.runs import ENDED, Record
from governance.settings import Settings
from graphs.domain import Domain, domain
from memory.checkpoints import open_checkpointer
from nodes.admission import Request
from nodes.place import RUN_KEY

MAX_STEPS = 100
"""Super-steps of one graph; the default of about 10,000 would let a loop run for hours."""

Notify = Callable[[str, Sequence[str]], None]
"""Told of each agent that spoke, and the tools that it called."""


@dataclass(frozen=True)
class Session:
    """What one command works with."""

    user: User
    plane: ControlPlane
    application: Domain
    settings: Settings

    async def start(self, graph: str, request: Request) -> Record:
        """Admit a request; nothing runs yet.

        Raises:
            Denied, InvalidInput: It can't be admitted, and nothing was started.
        """
        await self.application.prepare()
        admitted = await self.application.admission.admit(self.user, graph, request, str(uuid4()))
        return await self.plane.record(admitted.run.id)

    async def record(self, run_id: str) -> Record:
        """A run that the user may see.

        Raises:
            Denied: They may not.
            InvalidInput: There is no such run (in the user's tenant).
        """
        record = await self.plane.record(run_id)
        if record.run.user.tenant != self.user.tenant:
            msg = f"there is no run {run_id!r}; `tower runs` lists them"
            raise InvalidInput(msg)
        await self.plane.permit(
            self.user, "read_run", tenant=record.run.user.tenant, owner=record.run.user.id
        )
        return record

    async def pending(self, run_id: str) -> list[Approval]:
        """What a run waits for."""
        return [asked for asked in await self.plane.pending(self.user.tenant) if asked.run == run_id]

    async def approval(self, approval_id: str) -> Approval:
        """A question of the user's tenant.

        Raises:
            InvalidInput: There is no such question there.
        """
        found = await self.plane.approval(approval_id)
        if found.tenant != self.user.tenant:
            msg = f"there is no approval {approval_id!r}; `tower approvals` lists them"
            raise InvalidInput(msg)
        return found

    async def entries(self, run_id: str) -> list[dict[str, Any]]:
        """What the audit log says about a run."""
        return await asyncio.to_thread(lambda: list(self.plane.audit.entries(run=run_id)))

    def may_read(self, owner: str) -> bool:
        """Whether policy lets the user read that person's runs."""
        decision = self.plane.policy.permit(self.user, "read_run", tenant=self.user.tenant, owner=owner)
        return decision.effect is Effect.ALLOW

    async def drive(self, record: Record, notify: Notify) -> Record:
        """Take a run as far as it goes: to its outcome, or to a person.

        It goes on from its last checkpoint, whichever process wrote that.

        Raises:
            TowerError: It stopped on the way; it can be resumed.
        """
        if record.state == ENDED:
            return record
        run = record.run
        await self.application.prepare()
        async with self._graph(run) as (graph, config), _traced(run) as trace:
            step = await _next_input(graph, config, record)
            try:
                events: Any = graph.astream(
                    step, config, stream_mode=["custom", "updates"], subgraphs=True, durability="sync"
                )
                async for _, mode, event in events:
                    if mode == "custom" and "agent" in event:
                        notify(event["agent"], event.get("calls", ()))
            except TowerError as error:
                msg = f"run {run.id} stopped: {error}. `tower resume {run.id}` goes on from where it was"
                raise TowerError(msg) from error
            ended = await self.plane.record(run.id)
            if trace is not None:
                trace.add_metadata({"outcome": (ended.outcome or {}).get("status", ended.state)})
        if ended.state != ENDED and not await self.pending(run.id):
            msg = f"run {run.id} has no outcome yet; see `tower show {run.id}`, then `tower resume {run.id}`"
            raise TowerError(msg)
        return ended

    @asynccontextmanager
    async def _graph(
        self, run: Run
    ) -> AsyncIterator[tuple[CompiledStateGraph[Any, Any, Any, Any], RunnableConfig]]:
        async with open_checkpointer(self.settings.url("checkpoints")) as saver:
            graph = self.application.graph(run.graph).copy(update={"checkpointer": saver})
            config: RunnableConfig = {
                "configurable": {"thread_id": run.thread_id, RUN_KEY: run.id},
                "recursion_limit": MAX_STEPS,
                "run_name": run.graph,
                "metadata": _metadata(run),
            }
            yield graph, config


@asynccontextmanager
async def session(user_id: str | None = None) -> AsyncIterator[Session]:
    """Open a session for a user whose key is at hand: TOWER_KEY, or the development key on this disk.

    Args:
        user_id: Without one it is whoever TOWER_KEY belongs to, or the development user.

    Raises:
        NotAuthenticated: There is no valid key, or it is another person's.
    """
    application = domain()  # first, since policies speak of its tools
    settings, plane = Settings.from_env(), control()
    identity = Identity(settings, plane.store)
    key = await asyncio.to_thread(identity.key_for, user_id or DEFAULT_USER)
    user = await identity.authenticate(key)
    if user_id and user.id != user_id:
        msg = f"TOWER_KEY is the key of {user.id}, not of {user_id}; unset it, or leave --as out"
        raise NotAuthenticated(msg)
    yield Session(user, plane, application, settings)


def _metadata(run: Run) -> dict[str, Any]:
    return {
        RUN_KEY: run.id,
        "graph": run.graph,
        "policy_version": run.policy_version,
        "tenant": run.user.tenant,
    }


def _traced(run: Run) -> Any:
    """A LangSmith trace around the run where tracing is on, so that its outcome can stand beside it."""
    if not os.environ.get("LANGSMITH_API_KEY"):
        return nullcontext()
    from langsmith import trace

    return trace(name=run.graph, run_type="chain", metadata=_metadata(run))


async def _next_input(
    graph: CompiledStateGraph[Any, Any, Any, Any], config: RunnableConfig, record: Record
) -> Any:
    """The stored request where no checkpoint of this run exists, a wake-up where it waits, else nothing."""
    snapshot = await graph.aget_state(config)
    if (snapshot.metadata or {}).get(RUN_KEY) != record.run.id:
        return record.input
    if snapshot.interrupts:
        # What a resume carries decides nothing: the record in the control database does.
        return Command(resume={interrupt.id: {"wake": True} for interrupt in snapshot.interrupts})
    return None
