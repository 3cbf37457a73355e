"""Investigate: the steps of a plan that are ready run side by side, each to a result or a typed absence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from langchain_core.messages import AnyMessage, HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.runtime import Runtime
from langgraph.types import Command, Send
from typing_extensions import TypedDict

from governance.control import control
from governance.outcome import Status
from nodes.agent import work
from nodes.degrade import STEPS, runs_low
from nodes.faults import STEP_ERRORS, fault
from nodes.ledger import DONE, Found, Investigation, ready
from nodes.nested import run_nested
from nodes.place import actor_at, current_run, position_at
from nodes.review import carry_out
from nodes.route import clear_route
from nodes.state import Context, RunOutput, RunState
from nodes.step import Node
from nodes.team import Agent
from nodes.turn import turn_for
from nodes.worker import Worker


class Task(TypedDict):
    """What a worker gets to see: the request, its step, and the results that the step needs."""

    messages: list[AnyMessage]
    step: Mapping[str, Any]
    results: dict[str, Any]


def assign_node(*, max_parallel: int) -> Node:
    """Make the node that starts what is ready; with nothing left to start the manager judges.

    Args:
        max_parallel: Steps at work at once; the rest follow when these have ended. Where the run's
            budget runs low and `[degrade]` declares it, one at a time.
    """

    async def assign(state: Investigation, config: RunnableConfig, runtime: Runtime[Context]) -> Command[Any]:
        del runtime
        update: dict[str, Any] = {"visits": {"assign": 1}}
        found, ledger = state.get("found", {}), state["ledger"]
        broke = [name for name, entry in found.items() if entry["status"] == Status.BUDGET_EXHAUSTED]
        if broke:
            return Command(goto="conclude", update=update)
        steps = ready(ledger["plan"], found)[:max_parallel]
        run = await current_run(config)
        if len(steps) > 1 and await runs_low(run, STEPS):
            await control().note(run, "steps_held_back", {"steps": [step["id"] for step in steps[1:]]})
            del steps[1:]
        if steps:
            return Command(goto=[Send("investigate", _task(step, state)) for step in steps], update=update)
        return Command(goto="conclude" if ledger.get("read") else "judge", update=update)

    return assign


def investigate_node(manager: Agent, workers: Sequence[Worker]) -> Node:
    """Make the node in which a worker does one step.

    That the worker gets the step is cleared in the manager's name. Whatever goes wrong is kept
    as the step's absence with its reason: a branch never vanishes.
    """
    team = {worker.name: worker for worker in workers}

    async def investigate(task: Task, config: RunnableConfig, runtime: Runtime[Context]) -> dict[str, Any]:
        step = task["step"]
        place = f"step_{step['id']}"
        entry: Found = {"worker": step["worker"], "task": step["task"], "args": step.get("args", {})}
        worker = team[step["worker"]]
        try:
            lead = await actor_at(manager.identity, place, task, config)
            await clear_route(lead, worker.agent.identity, 1, step["task"], handoffs=0)
            entry |= await _done(worker, task, place, config, runtime)
        except STEP_ERRORS as error:
            absent = fault(place, error)
            entry |= {"status": absent["status"], "error": absent["reason"]}
        return {"dissent": entry.pop("dissent", []), "found": {step["id"]: entry}}

    return investigate


async def _done(
    worker: Worker, task: Task, place: str, config: RunnableConfig, runtime: Runtime[Context]
) -> Found:
    told = HumanMessage(f"Your step of the investigation: {task['step']['task']}")
    if worker.lookup:
        actor = await actor_at(worker.agent.identity, place, task, config)
        args = {name: value for name, value in task["step"]["args"].items() if value is not None}
        return {"status": DONE, "result": await carry_out(worker.lookup, args, actor=actor, sequence=2)}
    state = cast("RunState", task)  # all that these two read of it
    if worker.pattern:
        messages = [*task["messages"], told]
        position = position_at(place, state, config)
        return _ended(await run_nested(position, worker.pattern, messages, config, runtime.context))
    turn = await turn_for(worker.agent, place, state, config, runtime.context)
    turn.sequence = 1
    turn.prompt.append(told)
    result = await work(turn, grounds=worker.grounds, state=task, repairs=1 if worker.grounds else 2)
    if turn.refused:
        return {"status": turn.refused[0]["status"], "error": turn.refused[0]["reason"]}
    return {"status": DONE, "result": result, "dissent": turn.dissent}


def _ended(nested: RunOutput) -> Found:
    """What came of a nested pattern: its answer, its status where it has none to rely on, both if partial."""
    outcome = nested["outcome"]
    result = {"answer": outcome["answer"], "result": outcome["result"]}
    entry: Found = {"status": DONE, "result": result, "dissent": outcome["dissent"]}
    if outcome["status"] == Status.COMPLETED:
        return entry
    absent: Found = {"status": outcome["status"], "error": "; ".join(outcome["reasons"])}
    return entry | absent if outcome["status"] == Status.PARTIAL else absent


def _task(step: Mapping[str, Any], state: Investigation) -> Task:
    found = state.get("found", {})
    needed = {name: found[name]["result"] for name in step["needs"]}
    return {"messages": state["messages"], "step": step, "results": needed}
