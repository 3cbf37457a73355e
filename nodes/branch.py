"""A branch: one member's look at the task, bounded in number and time; it may be absent, never lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.errors import GraphBubbleUp
from langgraph.runtime import Runtime
from pydantic import ValidationError

from governance.control import control
from governance.errors import ControlUnavailable
from governance.outcome import Outcome, Status
from governance.principals import Run
from nodes.agent import work
from nodes.degrade import BRANCHES, at_work, runs_low
from nodes.fallback import first_valid
from nodes.faults import fault, misfit
from nodes.nested import Compiled, ended_short, run_nested
from nodes.place import current_run, position_at
from nodes.state import Context, Fault, RunState
from nodes.step import Node, Step
from nodes.turn import turn_for
from nodes.verdict import MOST_FINDINGS, Absence, Verdict

Found = tuple[dict[str, Any], list[Fault]]
"""A verdict, and what stands against it: writes that were refused on the way, or that it is partial."""


class Absent(Exception):
    """The branch ended without a verdict."""

    def __init__(self, status: str, error: str, reason: str) -> None:
        super().__init__(reason)
        self.status, self.error = status, error


@dataclass
class _Places:
    semaphore: asyncio.Semaphore
    users: int = 0


# Keyed by event loop too, since a server runs graphs in several; an entry lives while it is used.
_places: dict[tuple[asyncio.AbstractEventLoop, str, int], _Places] = {}
_overdue: set[asyncio.Task[None]] = set()


@asynccontextmanager
async def place(run_id: str, limit: int) -> AsyncIterator[None]:
    """Hold one of the `limit` places that the run's branches share."""
    key = (asyncio.get_running_loop(), run_id, limit)
    places = _places.setdefault(key, _Places(asyncio.Semaphore(limit)))
    places.users += 1
    try:
        async with places.semaphore:
            yield
    finally:
        places.users -= 1
        if not places.users:
            del _places[key]


def limit_for(config: RunnableConfig, declared: int) -> int:
    """How many branches may be at work: what the run or a parent pattern was given, else what is declared."""
    return max(1, config.get("max_concurrency") or declared)


@dataclass(frozen=True)
class Crowd:
    """How many branches there have to be.

    Attributes:
        agents: Branch → names of those who work in it.
        quorum: So many begin, however little of the budget is left.
    """

    agents: Mapping[str, Collection[str]]
    quorum: int

    async def check(self, run: Run, name: str) -> None:
        """Leave a branch out that has not begun and isn't needed, where the run's budget runs low.

        Raises:
            Absent: It is left out.
        """
        if len(self.agents) > self.quorum and await runs_low(run, BRANCHES):
            working = await at_work(run)
            begun = [branch for branch, agents in self.agents.items() if working & set(agents)]
            if name not in begun and len(begun) >= self.quorum:
                raise Absent(Status.PARTIAL, "LeftOut", "left out, since the run's budget runs low")


def branch_node(step: Step, crowd: Crowd, *, max_concurrency: int, timeout: timedelta) -> Node:
    """Make the node of an agent's branch; it writes a verdict or an absence, and nothing else ends it."""

    async def node(state: RunState, config: RunnableConfig, runtime: Runtime[Context]) -> dict[str, Any]:
        run = await current_run(config)

        async def look() -> Found:
            await crowd.check(run, step.name)
            return await _examine(step, state, config, runtime.context)

        here = place(run.id, limit_for(config, max_concurrency))
        return await _kept(step.name, run, in_time(look, here, run=run, name=step.name, timeout=timeout))

    return node


def nested_node(
    graph: Compiled, schema: type[Verdict], crowd: Crowd, *, max_concurrency: int, timeout: timedelta
) -> Node:
    """Make the node of a branch that is a pattern itself; its outcome's result is its verdict.

    It takes no place of its own: its agents take places of this team's, so that one limit holds for all.
    """
    name = graph.get_name()

    async def node(state: RunState, config: RunnableConfig, runtime: Runtime[Context]) -> dict[str, Any]:
        run = await current_run(config)
        limited: RunnableConfig = {**config, "max_concurrency": limit_for(config, max_concurrency)}
        dissent: list[dict[str, Any]] = []

        async def look() -> Found:
            await crowd.check(run, name)
            position = position_at(name, state, config)
            ended = await run_nested(position, graph, state["messages"], limited, runtime.context)
            outcome = ended["outcome"]
            dissent.extend(outcome["dissent"])
            partial = [fault(name, ended_short(outcome))] if outcome["status"] == Status.PARTIAL else []
            return _verdict_of(outcome, schema), partial

        kept = await _kept(name, run, in_time(look, nullcontext(), run=run, name=name, timeout=timeout))
        return kept | {"dissent": dissent}

    return node


def _verdict_of(outcome: Outcome, schema: type[Verdict]) -> dict[str, Any]:
    if outcome["status"] not in (Status.COMPLETED, Status.PARTIAL):
        raise Absent(outcome["status"], "Outcome", "; ".join(outcome["reasons"]))
    said = {field: value for field, value in outcome["result"].items() if field in schema.model_fields}
    try:
        verdict = schema.model_validate({**said, "evidence": outcome["evidence"][:MOST_FINDINGS]})
    except ValidationError as error:
        msg = f"its outcome is no {schema.__name__} ({misfit(error)}); let the pattern's `compose` make one"
        raise Absent(Status.FAILED, type(error).__name__, msg) from error
    return verdict.model_dump(mode="json")


async def in_time(
    look: Callable[[], Awaitable[Found]],
    here: AbstractAsyncContextManager[None],
    *,
    run: Run,
    name: str,
    timeout: timedelta,  # noqa: ASYNC109 - `asyncio.timeout` would wait for work that won't be cancelled
) -> Found:
    """Do a branch's work once it has its place, and cancel it when its time is up.

    An effect that has begun is not cancelled: the gateway carries it through and writes its result.
    What the work still returns is discarded, and the audit log says so.

    Raises:
        Absent: Too late. Whatever the work raises comes through.
    """
    begun = asyncio.get_running_loop().create_future()

    async def held() -> Found:
        async with here:
            begun.set_result(None)
            return await look()

    task = asyncio.create_task(held())
    try:
        await asyncio.wait({task, begun}, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait({task}, timeout=timeout.total_seconds())
        if task.done():
            return task.result()
    finally:
        task.cancel()
    discard = asyncio.create_task(_discard(task, run, name))
    _overdue.add(discard)
    discard.add_done_callback(_overdue.discard)
    # As long as a started effect may take; what can't be cancelled at all doesn't hold the others.
    await asyncio.wait({discard}, timeout=control().limits.timeouts.tool)
    raise Absent(Status.FAILED.value, "TimeoutError", f"no verdict within {timeout.total_seconds():g} s")


async def _discard(task: asyncio.Task[Found], run: Run, name: str) -> None:
    await asyncio.wait({task})
    if not task.cancelled() and not task.exception():
        await control().note(run, "late_result", {"branch": name, "discarded": task.result()[0]})


async def _kept(name: str, run: Run, looked: Awaitable[Found]) -> dict[str, Any]:
    """What came of a branch, in the state's form; edges of a failed node aren't followed, so none fails."""
    visited = {"visits": {name: 1}}
    try:
        verdict, refused = await looked
    except (GraphBubbleUp, ControlUnavailable):
        raise
    except Exception as error:  # noqa: BLE001 - whatever a branch raises, the others' verdicts count
        absence = _absence(name, error)
        await control().note(run, "branch_absent", dict(absence))
        return {**visited, "absences": {name: absence}}
    return {**visited, "verdicts": {name: verdict}, "faults": refused}


def _absence(name: str, error: Exception) -> Absence:
    if isinstance(error, Absent):
        return {"branch": name, "status": error.status, "error": error.error, "reason": str(error)}
    meant = fault(name, error)
    return {
        "branch": name,
        "status": meant["status"],
        "error": type(error).__name__,
        "reason": meant["reason"],
    }


async def _examine(step: Step, state: RunState, config: RunnableConfig, context: Context | None) -> Found:
    """Let the step's agent work, then its fallback if it has one."""
    verdict, turn = await first_valid(
        step.agent,
        step.fallback,
        lambda agent: turn_for(agent, step.name, state, config, context),
        lambda turn: work(turn, check=step.check, state=state, repairs=step.repairs),
    )
    return verdict, turn.refused
