"""Assignees: who stands behind a worker's name, what they are told, and what they report."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.errors import GraphBubbleUp
from langgraph.runtime import Runtime

from governance.control import control
from governance.errors import ControlUnavailable
from governance.outcome import Outcome, Status, worst
from governance.principals import Run
from nodes.assign import TeamState, report
from nodes.branch import Absent, in_time
from nodes.deliver import Compose
from nodes.faults import fault
from nodes.nested import Compiled, run_nested
from nodes.place import current_run, position_at
from nodes.state import Context
from nodes.step import Node, Step
from nodes.team import Agent

CARRIED = (Status.COMPLETED, Status.PARTIAL, Status.FAILED)
"""How a worker may end without ending the run so: what failed is named, and what others did stands."""


@dataclass(frozen=True)
class Assignee:
    """A worker of a supervisor.

    Attributes:
        does: An agent, its step with a check, or any compiled pattern.
        job: What the manager and the worker are told; an agent's own job by default.
        context: `isolated` workers see their task and the results that `sees` names; `shared` ones
            the whole conversation.
        sees: Workers whose results an isolated worker is given.
    """

    does: Agent | Step | Compiled
    job: str = ""
    context: Literal["isolated", "shared"] = "isolated"
    sees: tuple[str, ...] = ()


def worker_node(name: str, graph: Compiled, assignee: Assignee) -> Node:
    """Make the node in which a worker does its task within its limits and reports."""

    async def node(state: TeamState, config: RunnableConfig, runtime: Runtime[Context]) -> dict[str, Any]:
        run = await current_run(config)
        messages, place = given(assignee, state, run), position_at(name, state, config)

        async def do() -> tuple[dict[str, Any], list[Any]]:
            return dict((await run_nested(place, graph, messages, config, runtime.context))["outcome"]), []

        limit = control().limits.workers.get(name)
        seconds = limit.seconds if limit else None
        outcome: Any
        try:
            if seconds is None:
                outcome, _ = await do()
            else:
                span = timedelta(seconds=seconds)
                outcome, _ = await in_time(do, nullcontext(), run=run, name=name, timeout=span)
        except (GraphBubbleUp, ControlUnavailable):
            raise
        except Absent:
            outcome = _failed(f"{name} did not end within {seconds:g} s; see `workers.{name}` in limits.toml")
        except Exception as error:  # noqa: BLE001 - whatever a worker raises, the others' results count
            outcome = _failed(f"{type(error).__name__}: {error}") | {"status": fault(name, error)["status"]}
        return _reported(name, state["task"], outcome)

    return node


def given(assignee: Assignee, state: TeamState, run: Run) -> list[AnyMessage]:
    """What a worker is told."""
    if assignee.context == "shared":
        return [*state["messages"], *([HumanMessage(state["task"])] if state["task"] else [])]
    about = f"Customer: {run.subject} (verified: {run.verified})" if run.subject else ""
    seen = [
        f'<document name="{name}" origin="worker">\n{_ended(name, state["results"][name])}\n</document>'
        for name in assignee.sees
        if name in state["results"]
    ]
    return [HumanMessage("\n\n".join(filter(None, [about, state["task"] or assignee.job, *seen])))]


def _ended(name: str, outcome: Outcome) -> str:
    """How a worker ended and what it found, in words where it used any."""
    found = _found(outcome)
    said = found if isinstance(found, str) else json.dumps(found, ensure_ascii=False, default=str)
    return f"{name} ended {outcome['status']}: {said}".replace("</document", "&lt;/document")


def _found(outcome: Outcome) -> Any:
    """What others are told of a worker: its answer or result, after why it isn't completed.

    What was stopped leaves records behind as tools returned them; those aren't passed on.
    """
    done = outcome["status"] == Status.COMPLETED
    answer = outcome["answer"] if done or outcome["status"] == Status.PARTIAL else ""
    said = "\n".join(filter(None, [*([] if done else outcome["reasons"]), answer]))
    return said or (done and outcome["result"]) or outcome["status"]


def _reported(name: str, task: str, outcome: Outcome) -> dict[str, Any]:
    found = _found(outcome)
    update: dict[str, Any] = {
        "visits": {name: 1},
        "results": {name: outcome},
        "reports": [report(name, task, outcome["status"], found)],
        "messages": [AIMessage(found if isinstance(found, str) else outcome["status"], name=name)],
        "dissent": outcome["dissent"],
    }
    if outcome["status"] not in CARRIED:
        reason = "; ".join(outcome["reasons"])
        update["faults"] = [{"status": outcome["status"], "step": name, "reason": reason}]
    return update


def _failed(reason: str) -> Outcome:
    return {
        "status": Status.FAILED.value, "answer": "", "reasons": [reason], "evidence": [], "dissent": [],
        "undone": [], "result": {}, "usage": {},
    }  # fmt: skip


def team_outcome(manager: str) -> Compose:
    """Make the composer of a supervisor's outcome: the manager's answer over what its workers reported."""

    def compose(results: Mapping[str, Any]) -> dict[str, Any]:
        final = results.get(manager, {"answer": "", "undone": []})
        reports: dict[str, Outcome] = {name: found for name, found in results.items() if name != manager}
        ended = [Status(found["status"]) for found in reports.values()]
        useful = any(status in (Status.COMPLETED, Status.PARTIAL) for status in ended)
        short = [n for n, found in reports.items() if found["status"] in (Status.PARTIAL, Status.FAILED)]
        idle = [
            n for n, found in reports.items() if found["status"] not in (Status.COMPLETED, Status.PARTIAL)
        ]
        carried = [Status.PARTIAL if s is Status.FAILED and useful else s for s in ended if s in CARRIED]
        undone = [f"{name}: {item}" for name, found in reports.items() for item in found["undone"]]
        answers = [found["answer"] for found in reports.values() if found["answer"]]
        return {
            "status": worst(carried),
            "answer": final["answer"] or "\n".join(answers),
            "reasons": [f"{name}: {reason}" for name in short for reason in reports[name]["reasons"]],
            "evidence": [item for found in reports.values() for item in found["evidence"]],
            "undone": [*undone, *idle, *final["undone"]],
            "result": {name: found["result"] for name, found in reports.items()},
        }

    return compose
