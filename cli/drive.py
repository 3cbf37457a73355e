"""Drive: a run goes on from its last checkpoint, to its outcome or to a person."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, nullcontext
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.errors import GraphDrained
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import RunControl
from langgraph.types import Command

from cli.session import Session
from governance.errors import ReleaseChanged, TowerError
from governance.principals import Run
from governance.runs import ENDED, Record
from memory.checkpoints import open_checkpointer
from nodes.place import RUN_KEY

MAX_STEPS = 100
"""Super-steps of one graph; the default of about 10,000 would let a loop run for hours."""

Notify = Callable[[str, Sequence[str]], None]
"""Told of each agent that spoke, and the tools that it called."""


async def drive(
    session: Session, record: Record, notify: Notify, control: RunControl | None = None
) -> Record:
    """Take a run as far as it goes: to its outcome, or to a person.

    It goes on from its last checkpoint, whichever process wrote that.

    Args:
        control: Through it somebody may ask the run to stop between two steps.

    Raises:
        GraphDrained: It was asked to stop and did; it can be resumed.
        TowerError: It stopped on the way; it can be resumed.
    """
    if record.state == ENDED:
        return record
    run = record.run
    await session.application.prepare()
    await session.plane.take_up(run, session.application.steps(run.graph))
    async with _graph(session, run) as (graph, config), _traced(run) as trace:
        step = await _next_input(graph, config, record)
        try:
            events: Any = graph.astream(
                step,
                config,
                stream_mode=["custom", "updates"],
                subgraphs=True,
                durability="sync",
                control=control,
            )
            async for _, mode, event in events:
                if mode == "custom" and "agent" in event:
                    notify(event["agent"], event.get("calls", ()))
        except GraphDrained as drained:
            await session.plane.note(run, "run_drained", {"reason": drained.reason})
            raise
        except TowerError as error:
            cancelled = await session.plane.record(run.id)
            if cancelled.state == ENDED:
                return cancelled
            if isinstance(error, ReleaseChanged):
                raise
            msg = f"run {run.id} stopped: {error}. `tower resume {run.id}` goes on from where it was"
            raise TowerError(msg) from error
        ended = await session.plane.record(run.id)
        if trace is not None:
            trace.add_metadata({"outcome": (ended.outcome or {}).get("status", ended.state)})
    asked = ended.state == ENDED or await session.pending(run.id) or await session.unsettled(run.id)
    if not asked:
        msg = f"run {run.id} has no outcome yet; see `tower show {run.id}`, then `tower resume {run.id}`"
        raise TowerError(msg)
    return ended


@asynccontextmanager
async def _graph(
    session: Session, run: Run
) -> AsyncIterator[tuple[CompiledStateGraph[Any, Any, Any, Any], RunnableConfig]]:
    async with open_checkpointer(session.settings.url("checkpoints")) as saver:
        graph = session.application.graph(run.graph).copy(update={"checkpointer": saver})
        config: RunnableConfig = {
            "configurable": {"thread_id": run.thread_id, RUN_KEY: run.id},
            "recursion_limit": MAX_STEPS,
            "run_name": run.graph,
            "metadata": _metadata(run),
        }
        yield graph, config


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
