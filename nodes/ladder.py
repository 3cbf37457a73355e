"""Ladder: what a pattern came to is held against a quality gate; where it doesn't pass, one rung up."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import takewhile
from typing import Any, cast

from langchain_core.messages import AnyMessage, HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.runtime import Runtime
from langgraph.types import Command

from governance.choices import Effort, Trial, effort, record
from governance.control import control
from governance.front_door import FrontDoor
from governance.journal import State
from governance.outcome import Status
from governance.principals import Actor
from nodes.choose import Choice, clear_choice, ruled_out
from nodes.climb import ABOVE_KEY, gave_up, hindrance
from nodes.confidence import sure_of
from nodes.examine import can_judge, left_open
from nodes.faults import STEP_ERRORS, fault
from nodes.nested import Compiled, configured, run_nested
from nodes.place import actor_at, path_of, position_at
from nodes.selection import Job
from nodes.state import Context, RunState
from nodes.step import Node
from nodes.team import Agent
from nodes.turn import turn_for

WEIGH = "weigh"
NOT_ITS_DOING = (Status.DENIED, Status.REJECTED, Status.CANCELLED)
"""Policy or a person ended it: that says nothing about the pattern."""
QUALITY = {Status.COMPLETED: 100, Status.PARTIAL: 50}


def gate(outcome: Mapping[str, Any], job: Job, limits: FrontDoor, done: Collection[str] = ()) -> str:
    """What is wrong with an outcome that a higher rung might do better; empty where it passes.

    Denied, rejected, cancelled, out of budget and handed to a person all pass: no rung may go round
    a no, and a person is above every rung.

    Args:
        done: The tools whose effects the run's journal holds.
    """
    status, reasons = Status(outcome["status"]), "; ".join(outcome["reasons"])
    if gave_up(outcome):
        return f"{status}: {reasons}"
    if status not in QUALITY:
        return ""
    if job.sources and not outcome["evidence"]:
        return f"{status} without a source"
    if job.effect and job.effect not in done:
        return f"{status}, but nothing is on record; {job.name} takes {job.effect}"
    result = outcome["result"]
    parts = [result, *(part for part in result.values() if isinstance(part, Mapping))]
    sure = min((said for part in parts if (said := sure_of(part)) is not None), default=None)
    if sure is not None and sure < limits.confidence:
        return f"{status}, but only {sure} % sure, and {limits.confidence} % are asked for"
    return ""


def rung_node(name: str, graph: Compiled, chooser: Agent, max_climbs: int) -> Node:
    """Make the node of a pattern on the ladder; it starts from the request, whatever a rung below said.

    Its faults aren't the run's yet: they are weighed, and a higher rung may make them good.
    """

    async def rung(state: RunState, config: RunnableConfig, runtime: Runtime[Context]) -> dict[str, Any]:
        asked = _asked(state)
        results = state["results"]
        above: list[str] = []
        if len(_tried(results)) < max_climbs:
            actor = await actor_at(chooser.identity, name, state, config)
            above = await _above(actor, results[chooser.name], name)
        # With no rung above, who stands behind the whole ladder still does.
        inner = configured(config, **{ABOVE_KEY: "/"}) if above else config
        ended = await run_nested(position_at(name, state, config), graph, asked, inner, runtime.context)
        said = ended["messages"][len(asked) :]
        return {"visits": {name: 1}, "active": name, "results": {name: ended["outcome"]}, "messages": said}

    return rung


def weigh_node(
    chooser: Agent, jobs: Mapping[str, Job], max_climbs: int, examiner: Agent | None = None
) -> Node:
    """Make the node that records how a pattern did, and climbs or goes on to deliver.

    Args:
        examiner: Says whether an answer that passes the gate answers the request.
    """

    async def weigh(state: RunState, config: RunnableConfig, runtime: Runtime[Context]) -> Command[Any]:
        name, results = state["active"], state["results"]
        choice: Choice = results[chooser.name]
        job, outcome, limits = jobs[choice["job"]], results[name], control().limits.front_door
        actor = await actor_at(chooser.identity, WEIGH, state, config)
        position = "/".join(filter(None, (path_of(config), name, str(state["visits"][name] - 1))))
        effects = await control().effects(actor.run.id) if job.effect else ()
        done = {each.action for each in effects if each.state == State.DONE}
        flaw = gate(outcome, job, limits, done)
        if examiner and not flaw and outcome["status"] in QUALITY and can_judge(examiner):
            asked = cast("RunState", {**state, "messages": _asked(state), "results": {}})
            turn = await turn_for(examiner, WEIGH, asked, config, runtime.context)
            lacking = await left_open(turn, outcome["answer"], asked)
            flaw = lacking and f"{outcome['status']}, but it leaves open: {lacking}"
        spent = await effort(control(), actor.run, position)
        await _remember(actor, position, job, name, outcome, flaw, spent)
        tried = [*_tried(results), {"pattern": name, "flaw": flaw}]
        update: dict[str, Any] = {"visits": {WEIGH: 1}, "results": {WEIGH: {"tried": tried}}}
        if not flaw:
            return Command(goto="deliver", update=update)
        above = await _above(actor, choice, name)
        stop = await hindrance(actor.run) or _top(above, len(tried) > max_climbs)
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


def _asked(state: RunState) -> list[AnyMessage]:
    """The request, whatever was said about it since."""
    return list(takewhile(lambda message: isinstance(message, HumanMessage), state["messages"]))


def _tried(results: Mapping[str, Any]) -> Sequence[dict[str, str]]:
    """The rungs that were weighed so far, each with its `pattern` and its `flaw`."""
    tried: Sequence[dict[str, str]] = results.get(WEIGH, {}).get("tried", ())
    return tried


def _top(above: Sequence[str], climbed_enough: bool) -> str:  # noqa: FBT001
    if climbed_enough:
        return "the ladder was climbed as often as it may be"
    return "" if above else "there is no rung above it that is open"
