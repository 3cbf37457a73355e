"""Stations: each agent of the desk at its own node of its real graph, with what it would find there."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import Any

from langgraph.graph import START, StateGraph
from langgraph.types import Command, Send

from evals.desk.probes import nothing
from graphs.desk.supervisor import casework
from graphs.domain import domain
from nodes.desk import agents, assessment, drafting, investigation, management
from nodes.state import Context, RunState, TaskInput
from nodes.team import Agent

GIVEN = "given"
"""The node before the agent's: it puts what the case gives into the state."""

FOUND: ContextVar[Mapping[str, Any]] = ContextVar("found")
"""What the agent's node finds besides the request; with a `step`, the task that it is sent."""


@dataclass(frozen=True)
class Station:
    """Where an agent works.

    Attributes:
        graph: Its own graph, whose contract holds; a team's inside it has `team`.
        node: The agent's name unless another is given.
        says: Name of the schema of its result, where the pattern gives it one.
    """

    agent: Agent
    graph: str
    node: str = ""
    says: str = ""
    team: Any = None


STATIONS: Mapping[str, Station] = {
    "handoff/triage": Station(agents.TRIAGE, "handoff"),
    "sequential/extract": Station(agents.EXTRACT, "sequential"),
    "sequential/coverage": Station(agents.COVERAGE, "sequential"),
    "sequential/assess": Station(agents.ASSESS, "sequential"),
    "sequential/decide": Station(agents.DECIDE, "sequential"),
    "concurrent/coverage": Station(assessment.COVERAGE, "concurrent"),
    "concurrent/fraud": Station(assessment.FRAUD, "concurrent"),
    "concurrent/cost": Station(assessment.COST, "concurrent"),
    "concurrent/history": Station(assessment.HISTORY, "concurrent"),
    "concurrent/senior_adjuster": Station(assessment.SENIOR_ADJUSTER, "concurrent"),
    "group_chat/writer": Station(drafting.WRITER, "group_chat"),
    "group_chat/letter_compliance": Station(drafting.LETTER_COMPLIANCE, "group_chat"),
    "group_chat/tone": Station(drafting.TONE, "group_chat"),
    "supervisor/manager": Station(management.MANAGER, "supervisor"),
    "supervisor/lead": Station(management.CLAIMS_LEAD, "supervisor", team=casework),
    "supervisor/precheck": Station(management.PRECHECK, "supervisor", team=casework),
    "supervisor/aftercare": Station(management.AFTERCARE, "supervisor"),
    "magentic/reader": Station(investigation.READER, "magentic", "plan"),
    "magentic/lead": Station(investigation.LEAD, "magentic", "plan", "TaskLedger"),
    "magentic/lead-judging": Station(investigation.LEAD, "magentic", "judge", "ProgressLedger"),
    "magentic/documents": Station(investigation.DOCUMENTS.agent, "magentic", "investigate"),
}
"""Agents whose cases are in `verdicts`: the graph and the agent's name in it."""


@cache
def placed(name: str) -> Any:
    """The graph in which only this agent's node is at work, as it was built, and all others do nothing."""
    station = STATIONS[name]
    built = (station.team or domain().graph(station.graph)).builder
    node = station.node or station.agent.name

    async def give(own: RunState) -> Command[Any]:
        found = dict(FOUND.get())
        if "step" in found:
            return Command(goto=Send(node, {"messages": own["messages"], **found}))
        return Command(goto=node, update=found)

    g: Any = StateGraph(built.state_schema, input_schema=TaskInput, context_schema=Context)
    g.add_node(GIVEN, give)
    for other, spec in built.nodes.items():
        g.add_node(other, spec.runnable if other == node else nothing)
    g.add_edge(START, GIVEN)
    return g.compile(name=station.agent.name)
