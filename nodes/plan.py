"""Plan: the manager writes the task ledger, and writes it anew when the investigation stalls."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.runtime import Runtime
from langgraph.types import Command

from governance.outcome import Status
from nodes.agent import Check, Lookup, work
from nodes.faults import STEP_ERRORS, Contradiction, GaveUp, fault
from nodes.ledger import DONE, Investigation, TaskLedger, objections
from nodes.state import Context, Fault, RunState
from nodes.step import Node
from nodes.team import Agent
from nodes.turn import Turn, turn_for

TRIES = 2
"""How often a manager may be told that its ledger, though valid, can't be acted on."""


@dataclass(frozen=True)
class Reading:
    """A way to answer a plain question without a planner: one step, whose result is the answer.

    Attributes:
        agent: Says in a flat schema what the question asks; it must agree with `terms`.
        terms: The same, by code, from the question's words; None where a word stays unexplained.
        step: From what was read to the plan's one step.
    """

    agent: Agent
    terms: Callable[[str], Mapping[str, Any] | None]
    step: Callable[[Mapping[str, Any]], dict[str, Any]]


def plan_node(manager: Agent, *, reading: Reading | None, then: str) -> Node:
    """Make the node that plans, and plans again; a manager that can't ends the run as `escalated`.

    Args:
        then: Where a plan goes.
    """

    async def plan(state: Investigation, config: RunnableConfig, runtime: Runtime[Context]) -> Command[Any]:
        update: dict[str, Any] = {"visits": {"plan": 1}}
        try:
            step = await _read(reading, state, config, runtime.context) if reading else None
            ledger = _one_step(manager, step) if step else None
            ledger = ledger or await _planned(manager, state, config, runtime.context)
        except STEP_ERRORS as error:
            return Command(goto="conclude", update=update | {"faults": [given_up("plan", error)]})
        return Command(goto=then, update=update | {"ledger": ledger})

    return plan


async def _planned(
    manager: Agent, state: Investigation, config: RunnableConfig, context: Context | None
) -> dict[str, Any]:
    async def can_be_run(ledger: TaskLedger, _state: Mapping[str, Any], _lookup: Lookup) -> Sequence[str]:
        plan = ledger.model_dump(mode="json")["plan"]
        aimless = [] if any(step["required"] for step in plan) else ["no step is required"]
        return [*aimless, *objections(plan, state.get("found", {}))]

    turn = await manager_turn(manager, "plan", state, config, context)
    return await insist(turn, can_be_run, state)


async def _read(
    reading: Reading, state: Investigation, config: RunnableConfig, context: Context | None
) -> dict[str, Any] | None:
    """The one step that answers a plain question; None where the words and the agent don't agree on it."""
    if state.get("ledger") or state.get("constraints"):
        return None
    terms = reading.terms(question_of(state))
    if terms is None:
        return None
    turn = await turn_for(reading.agent, "read", _with(state, {"terms": terms}), config, context)
    try:
        understood = await work(turn, state=state)
    except GaveUp:
        return None
    return reading.step(terms) if understood == dict(terms) else None


def _one_step(manager: Agent, step: dict[str, Any]) -> dict[str, Any]:
    assert manager.returns  # noqa: S101 - the builder gave it the ledger's schema
    return {**manager.returns.model_validate({"plan": [step]}).model_dump(mode="json"), "read": True}


async def manager_turn(
    manager: Agent, step: str, state: Investigation, config: RunnableConfig, context: Context | None
) -> Turn:
    """A turn on the ledger: the request, what is known in short, and people's constraints word for word."""
    turn = await turn_for(manager, step, _with(state, _brief(state)), config, context)
    if state.get("constraints"):
        demanded = "\n".join(f"- {constraint}" for constraint in state["constraints"])
        turn.prompt.append(HumanMessage(f"Constraints that a person set; they hold to the end:\n{demanded}"))
    return turn


async def insist(turn: Turn, check: Check, state: Mapping[str, Any]) -> dict[str, Any]:
    """Let the manager try until its ledger is valid and stands the check, within bounds.

    Raises:
        GaveUp: It didn't; at most twice `TRIES` model calls were made.
    """
    problems = ""
    for _ in range(TRIES):
        try:
            return await work(turn, check=check, state=state, repairs=1)
        except Contradiction as error:
            problems = str(error)
            turn.new.append(HumanMessage(f"That can't be acted on: {problems}. Give it again."))
    msg = f"{turn.agent.name} gave nothing that could be acted on in {TRIES} tries: {problems}"
    raise GaveUp(Status.ESCALATED, msg)


def given_up(step: str, error: Exception) -> Fault:
    """The fault of a manager's turn: where it gave no usable ledger, a person has to go on."""
    return fault(step, error) | ({"status": Status.ESCALATED} if isinstance(error, GaveUp) else {})


def question_of(state: Mapping[str, Any]) -> str:
    """What people wrote."""
    return "\n".join(message.text for message in state["messages"] if isinstance(message, HumanMessage))


def _with(state: Investigation, results: Mapping[str, Any]) -> RunState:
    return cast("RunState", {**state, "results": results})


def _brief(state: Investigation) -> dict[str, Any]:
    """The ledger as prompts carry it: no history, and nothing twice."""
    ledger, found = state.get("ledger", {}), state.get("found", {})
    brief = {name: ledger.get(name) for name in ("verified", "to_look_up", "guessed")}
    brief["found"] = {
        name: {"task": entry["task"], "result": entry["result"]}
        for name, entry in found.items()
        if entry["status"] == DONE
    }
    brief["failed"] = {n: f"{e['task']}: {e['error']}" for n, e in found.items() if e["status"] != DONE}
    brief["not_run"] = [step["id"] for step in ledger.get("plan", ()) if step["id"] not in found]
    brief["missing"] = state.get("missing")
    return json.loads(json.dumps({name: value for name, value in brief.items() if value}))  # type: ignore[no-any-return]
