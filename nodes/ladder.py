"""Ladder: what a pattern came to is held against a quality gate; where it doesn't pass, one rung up."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import takewhile
from typing import Any

from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command

from governance.choices import Effort, Trial, effort, record
from governance.control import control
from governance.limits import FrontDoor
from governance.outcome import Status
from governance.principals import Actor
from nodes.agent import NEEDS_MODEL
from nodes.choose import Choice, clear_choice, ruled_out
from nodes.delegate import delegate_node
from nodes.faults import STEP_ERRORS, fault
from nodes.place import actor_at, path_of
from nodes.selection import Job
from nodes.state import Context, RunState
from nodes.step import Node
from nodes.team import Agent

WEIGH = "weigh"
GAVE_UP = (Status.FAILED, Status.LIMIT_REACHED, Status.LOOP_DETECTED)
"""Another pattern may still do it."""
NOT_ITS_DOING = (Status.DENIED, Status.REJECTED, Status.CANCELLED)
"""Policy or a person ended it: that says nothing about the pattern."""
QUALITY = {Status.COMPLETED: 100, Status.PARTIAL: 50}


def gate(outcome: Mapping[str, Any], job: Job, limits: FrontDoor) -> str:
    """What is wrong with an outcome that a higher rung might do better; empty where it passes.

    Denied, rejected, cancelled, out of budget and handed to a person all pass: no rung may go round
    a no, and a person is above every rung.
    """
    status, reasons = Status(outcome["status"]), "; ".join(outcome["reasons"])
    if status in GAVE_UP or (status is Status.ESCALATED and NEEDS_MODEL in reasons):
        return f"{status}: {reasons}"
    if status not in QUALITY:
        return ""
    if job.sources and not outcome["evidence"]:
        return f"{status} without a source"
    sure = _confidence(outcome["result"])
    if sure is not None and sure < limits.confidence:
        return f"{status}, but only {sure} % sure, and {limits.confidence} % are asked for"
    return ""


def _confidence(result: Mapping[str, Any]) -> int | None:
    """The least sure of the numbers called `confidence` in a result and in what it is made of."""
    parts = [result, *(part for part in result.values() if isinstance(part, Mapping))]
    return min(
        (part["confidence"] for part in parts if isinstance(part.get("confidence"), int)), default=None
    )


def rung_node(name: str, graph: CompiledStateGraph[Any, Any, Any, Any]) -> Node:
    """Make the node of a pattern on the ladder; it starts from the request, whatever a rung below said."""
    run = delegate_node(name, graph)

    async def rung(state: RunState, config: RunnableConfig, runtime: Runtime[Context]) -> dict[str, Any]:
        asked = list(takewhile(lambda message: isinstance(message, HumanMessage), state["messages"]))
        ended: dict[str, Any] = await run({**state, "messages": asked}, config, runtime)
        # Weighed and not added up: a fault that a higher rung makes good isn't the run's.
        ended.pop("faults", None)
        return ended | {"active": name}

    return rung


def weigh_node(chooser: Agent, jobs: Mapping[str, Job], max_climbs: int) -> Node:
    """Make the node that records how a pattern did, and climbs or goes on to deliver."""

    async def weigh(state: RunState, config: RunnableConfig, runtime: Runtime[Context]) -> Command[Any]:
        del runtime
        name, results = state["active"], state["results"]
        choice: Choice = results[chooser.name]
        job, outcome, limits = jobs[choice["job"]], results[name], control().limits.front_door
        actor = await actor_at(chooser.identity, WEIGH, state, config)
        position = "/".join(filter(None, (path_of(config), name, str(state["visits"][name] - 1))))
        flaw = gate(outcome, job, limits)
        spent = await effort(control(), actor.run, position)
        await _remember(actor, position, job, name, outcome, flaw, spent)
        tried = [*results.get(WEIGH, {}).get("tried", ()), {"pattern": name, "flaw": flaw}]
        update: dict[str, Any] = {"visits": {WEIGH: 1}, "results": {WEIGH: {"tried": tried}}}
        if not flaw:
            return Command(goto="deliver", update=update)
        above = await _above(actor, choice, name)
        stop = await _stop(actor, spent, len(tried) > max_climbs, above)
        if stop:
            tried[-1]["stopped"] = stop
            return Command(goto="deliver", update=update)
        try:
            climbed = {"from": name, "why": flaw}
            await clear_choice(actor, 1, choice | {"to": above[0], "by": "climb", "climbed": climbed})
        except STEP_ERRORS as error:
            return Command(goto="deliver", update=update | {"faults": [fault(WEIGH, error)]})
        return Command(goto=above[0], update=update)

    return weigh


async def _remember(
    actor: Actor, position: str, job: Job, name: str, outcome: Mapping[str, Any], flaw: str, spent: Effort
) -> None:
    status = Status(outcome["status"])
    if status in NOT_ITS_DOING:
        return
    quality = 0 if flaw else QUALITY.get(status, 0)
    trial = Trial(
        job.name, name, status, quality, spent.model_calls, spent.tokens, spent.micros, spent.millis
    )
    await record(control(), actor.run, position, trial)


async def _above(actor: Actor, choice: Choice, name: str) -> list[str]:
    """The rungs above one that are open, the nearest first."""
    ladder = list(choice["ladder"])
    higher = [pattern for pattern in ladder[ladder.index(name) + 1 :] if pattern not in choice["left"]]
    forbidden = await ruled_out(actor, higher)
    return [pattern for pattern in higher if pattern not in forbidden]


async def _stop(actor: Actor, spent: Effort, climbed_enough: bool, above: list[str]) -> str:  # noqa: FBT001
    """Why there is no climbing further; empty where there is."""
    if spent.effects:
        return f"not tried again, since it may have acted: {', '.join(spent.effects)}"
    if spent.asked:
        return "not tried again, since a person was asked"
    if climbed_enough:
        return "the ladder was climbed as often as it may be"
    if not above:
        return "there is no rung above it that is open"
    usage = await control().usage(actor.run.id)
    return f"{usage['percent']} % of the run's budget is used" if usage["degraded"] else ""
