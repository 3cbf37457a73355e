"""Probes: the desk's own agents, each in the smallest graph in which it works as it does in its pattern."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime

from graphs.pattern import add
from graphs.single import single
from nodes.choose import choose_node
from nodes.desk import agents
from nodes.desk.front_door import FRONT_DOOR, JOBS
from nodes.desk.grounds import borne_out
from nodes.state import Context, RunState, TaskInput
from nodes.team import Agent
from nodes.turn import turn_for
from tools.desk.billing import get_invoice, list_invoices
from tools.desk.claims import get_claim, list_claims, open_claim
from tools.desk.customers import find_customer
from tools.desk.letters import send_letter
from tools.desk.payments import pay_claim
from tools.desk.policies import assess_amount, get_policy
from tools.desk.settlement import settle_claim
from tools.desk.wording import search_wording

READS = (find_customer, get_policy, list_invoices, get_invoice, list_claims, get_claim)

EXAMINER = replace(agents.COVERAGE, tools=(*agents.COVERAGE.tools, assess_amount))
"""Two steps of the claims chain, with one kind and one request here."""

ROLES: Mapping[str, tuple[Agent, str]] = {
    "service desk": (agents.SERVICE, "single"),
    "billing": (agents.BILLING, "handoff"),
    "claims service": (agents.CLAIMS_SERVICE, "handoff"),
    "technical support": (agents.TECHNICAL, "handoff"),
    "compliance": (agents.COMPLIANCE, "handoff"),
    "coverage examiner": (EXAMINER, "sequential"),
}
"""The datasets' roles: the agent that has it, and the graph whose contract it works under."""

SPEAKERS = frozenset(ROLES) - {"coverage examiner"}
"""Those whose answers are held against what was read and done, in their patterns as here."""

AT = {role: f"{graph}/{agent.name}" for role, (agent, graph) in ROLES.items()}
"""Role → the agent's graph and name."""

BY_CODE: Mapping[str, tuple[Agent, str]] = {
    "claim intake": (replace(agents.CLAIMS, tools=(*READS, open_claim)), "sequential"),
    "claims handler": (replace(agents.CLAIMS, tools=(*READS, settle_claim, pay_claim)), "sequential"),
    "letter writer": (replace(agents.LETTERS, tools=(find_customer, get_claim, send_letter)), "sequential"),
    "answers": (replace(agents.ANSWERS, tools=(search_wording,), returns=None), "single"),
}
"""Roles whose tools the desk's graphs call in code; here the agent is offered what its kind may call."""


def agent_of(role: str) -> tuple[Agent, str]:
    """The agent of a role, and the graph whose contract it works under."""
    return ROLES[role] if role in ROLES else BY_CODE[role]


@cache
def alone(role: str) -> Any:
    """A role's agent by itself, with its tools, until it has an answer."""
    return single(agent_of(role)[0], grounds=borne_out if role in SPEAKERS else None).compile(name="alone")


@cache
def front_door() -> Any:
    """The front door with nothing behind it: the choice is made, cleared and left at that."""
    g = _graph()
    patterns = {pattern for job in JOBS for pattern in job.ladder}
    nodes = [*sorted(patterns), "deliver"]
    add(g, FRONT_DOOR.name, choose_node(FRONT_DOOR, {job.name: job for job in JOBS}), to=nodes)
    for name in nodes:
        add(g, name, nothing)
        g.add_edge(name, END)
    g.add_edge(START, FRONT_DOOR.name)
    return g.compile(name="front_door")


@cache
def once(agent: Agent) -> Any:
    """A graph in which an agent's model is asked once, and nothing that it says is carried out."""

    async def think(state: RunState, config: RunnableConfig, runtime: Runtime[Context]) -> dict[str, Any]:
        turn = await turn_for(agent, agent.name, state, config, runtime.context)
        return {"messages": [await turn.think()], "visits": {agent.name: 1}}

    g = _graph()
    add(g, agent.name, think)
    g.add_edge(START, agent.name)
    g.add_edge(agent.name, END)
    return g.compile(name="once")


def _graph() -> Any:
    """A pattern's graph whose whole state can be looked at, which is why it has no output schema."""
    return StateGraph(RunState, context_schema=Context, input_schema=TaskInput)


async def nothing(state: RunState) -> dict[str, Any]:
    """Leave the state as it is."""
    del state
    return {}
