"""Judge: the manager says where the investigation stands, and code decides how it goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.runtime import Runtime
from langgraph.types import Command

from governance.control import control
from governance.outcome import Status
from nodes.agent import Check, Lookup
from nodes.faults import STEP_ERRORS
from nodes.ledger import DONE, Investigation, ProgressLedger, not_tried, objections, still_open
from nodes.plan import given_up, insist, manager_turn
from nodes.state import Context, Fault
from nodes.step import Node
from nodes.team import Agent


@dataclass(frozen=True)
class Bounds:
    """How long an investigation may go on.

    Attributes:
        max_rounds: Judgements in all; the last one ends the run as `limit_reached`.
        max_stalls: Judgements in a row without progress; one more has the manager plan anew.
        max_resets: New plans; where one more were due, the run ends as `limit_reached`.
    """

    max_rounds: int
    max_stalls: int
    max_resets: int


def judge_node(manager: Agent, bounds: Bounds, check: Check | None, *, then: str) -> Node:
    """Make the node in which the manager judges what was found.

    Its "satisfied" counts only once every required step has a result and the findings rest on
    results; otherwise completion is refused, and that is a stall.

    Args:
        check: Holds the findings against the results.
        then: Where a plan with further steps goes.
    """

    async def judge(state: Investigation, config: RunnableConfig, runtime: Runtime[Context]) -> Command[Any]:
        update: dict[str, Any] = {"visits": {"judge": 1}}
        try:
            turn = await manager_turn(manager, "judge", state, config, runtime.context)
            said = await insist(turn, _both(_acceptable, check), state)
        except STEP_ERRORS as error:
            return Command(goto="conclude", update=update | {"faults": [given_up("judge", error)]})
        update |= {"rounds": state.get("rounds", 0) + 1, "missing": said["reason"]}
        if said["findings"]:
            update["findings"] = said["findings"]
        lacking = still_open(state["ledger"]["plan"], state.get("found", {}))
        if said["satisfied"] and not lacking:
            return Command(goto="conclude", update=update | {"satisfied": True})
        if said["satisfied"]:
            await control().note(turn.actor.run, "completion_refused", {"open": lacking})
            update["missing"] = (
                f"Completion was refused: {', '.join(lacking)} are required and have no result"
            )
        stalled = said["satisfied"] or not said["progressing"]
        update["stalls"] = state.get("stalls", 0) + 1 if stalled else 0
        return _go_on(state, said, update, bounds, then)

    return judge


def _go_on(
    state: Investigation, said: Mapping[str, Any], update: dict[str, Any], bounds: Bounds, then: str
) -> Command[Any]:
    """Run further steps, plan anew, or stop at a bound with what there is."""
    resets = state.get("resets", 0)
    if update["rounds"] >= bounds.max_rounds:
        return _stop(update, f"{update['rounds']} rounds without an answer")
    if said["next"] and update["stalls"] <= bounds.max_stalls:
        plan = [*state["ledger"]["plan"], *said["next"]]
        return Command(goto=then, update=update | {"ledger": {**state["ledger"], "plan": plan}})
    if resets >= bounds.max_resets:
        return _stop(update, f"{resets} new plans without an answer")
    return Command(goto="plan", update=update | {"stalls": 0, "resets": resets + 1})


def _stop(update: dict[str, Any], reason: str) -> Command[Any]:
    limit: Fault = {
        "status": Status.LIMIT_REACHED,
        "step": "judge",
        "reason": f"{reason}; {update['missing']}",
    }
    return Command(goto="conclude", update=update | {"faults": [limit]})


async def _acceptable(said: ProgressLedger, state: Mapping[str, Any], _lookup: Lookup) -> Sequence[str]:
    """Findings name results that there are, and further steps can be run."""
    found, plan = state.get("found", {}), state["ledger"]["plan"]
    done = {name for name, entry in found.items() if entry["status"] == DONE}
    cited = {name for finding in said.findings for name in finding.results}
    problems = [f"there is no result {name}" for name in sorted(cited - done)]
    if said.satisfied and not said.findings:
        problems.append("satisfied, but without findings")
    further = said.model_dump(mode="json")["next"]
    taken = {step["id"] for step in plan}
    problems += [f"{step['id']} is a step already; take a new id" for step in further if step["id"] in taken]
    return problems + (objections([*not_tried(plan, found), *further], found) if further else [])


def _both(first: Check, second: Check | None) -> Check:
    async def check(result: Any, state: Mapping[str, Any], lookup: Lookup) -> Sequence[str]:
        return [*await first(result, state, lookup), *(await second(result, state, lookup) if second else ())]

    return check
