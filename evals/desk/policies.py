"""Policies: what contract, trusted sets and policy say to an act, without any model."""

from __future__ import annotations

import time
from collections import Counter
from functools import cache
from typing import Any
from uuid import uuid4

from evals.datasets import Labelled, load
from evals.desk.data import DATASETS
from evals.desk.stage import users, world
from evals.rows import Row
from evals.suites import Item, Setting
from governance.control import control
from governance.principals import Actor, AgentIdentity, Run
from graphs.domain import domain
from nodes.admission import Request
from nodes.desk.admission import TOOLBOX
from tools.gateway import InvalidArguments, act_for

OWN = "@own"
"""Stands for the customer's own account on record."""

NEVER = "deny"
"""What a rule says that lets nothing through: the baseline."""


class PolicyCase(Labelled):
    """An act and what must be said to it."""

    kind: str
    graph: str
    user: str
    customer_id: str | None
    tool: str
    args: dict[str, Any]
    sure: int | None = None
    expected: str
    note: str


async def evaluate(item: Item, setting: Setting) -> Row:
    """Ask the control plane, which neither asks anybody nor uses anything up."""
    case: PolicyCase = item.data
    async with world(setting.folder):
        request = Request("Please see to it.", customer=case.customer_id)
        user = users()[case.user]
        admitted = await domain().admission.admit(user, case.graph, request, uuid4().hex)
        started = time.perf_counter()
        said, because = await _said(case, admitted.run)
        seconds = time.perf_counter() - started
    return item.row(
        setting,
        "component",
        scores={
            "policy_decision_match_ref": float(said == case.expected),
            "policy_decision_match_ref__null": float(case.expected == NEVER),
            "policy_decision_match_ref__majority": float(case.expected == _commonest()[case.tool]),
        },
        expected=case.expected,
        got={"decision": said, "because": because},
        run=admitted.run.id,
        seconds=seconds,
    )


async def _said(case: PolicyCase, run: Run) -> tuple[str, str]:
    vault, tool = control().vault, TOOLBOX[case.tool]
    own = next(iter(run.contract.trusted.get("accounts", ())), "")
    args = {
        name: own
        if value == OWN
        else await vault.token(run.user.tenant, tool.personal[name], value)
        if name in tool.personal
        else value
        for name, value in case.args.items()
    }
    agent = AgentIdentity(case.kind, case.kind, "evaluation", "evaluation")
    await control().register_agent(agent)
    try:
        act = await act_for(tool, args, Actor(agent, run, "policy/0"), 1, case.sure)
        decision = await control().assess(act)
    except InvalidArguments as error:
        return NEVER, str(error)
    return decision.effect.value, decision.reason or ", ".join(decision.policies)


@cache
def _commonest() -> dict[str, str]:
    """Tool → what must be said to it most often: the rule that looks at the tool alone."""
    said: dict[str, Counter[str]] = {}
    for case in load("policy", DATASETS, PolicyCase):
        said.setdefault(case.tool, Counter())[case.expected] += 1
    return {tool: each.most_common(1)[0][0] for tool, each in said.items()}
