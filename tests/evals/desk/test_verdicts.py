"""Each agent has cases of its own; its verdict is judged where it stands, with its check behind it."""

from __future__ import annotations

import asyncio
import importlib
import json
import pkgutil
from collections import Counter
from pathlib import Path

import pytest

import nodes.desk
from evals.agents import agent_of, by_agent, of_agents
from evals.datasets import load
from evals.desk import stage, verdicts
from evals.desk.data import DATASETS, DOCUMENTS
from evals.desk.stations import STATIONS, placed
from evals.desk.suites import BENCH, VERDICTS
from evals.runner import Plan
from evals.suites import Item, Setting
from evals.verification import near_duplicates, sections
from governance.errors import InvalidInput
from graphs.domain import domain
from models.door import use_model
from models.scripted import ScriptedChatModel, call
from nodes.desk import agents
from nodes.desk.front_door import FRONT_DOOR
from nodes.team import Agent
from nodes.worker import Worker

ROWS: list[verdicts.VerdictCase] = load("verdicts", DATASETS, verdicts.VerdictCase)
BY_ID = {row.id: row for row in ROWS}
CLEAN, SEVERE = (
    next(r.id for r in ROWS if r.agent == "concurrent/fraud" and said in r.request)
    for said in ("CL-400015", "CL-400004")
)

NEAR = 7
"""Near-duplicates that the card owns up to."""

OTHERS = {
    "adaptive/choose": FRONT_DOOR,
    "direct/answer": agents.ANSWERS,
    "single/service": agents.SERVICE,
    "handoff/billing": agents.BILLING,
    "handoff/claims_service": agents.CLAIMS_SERVICE,
    "handoff/technical": agents.TECHNICAL,
    "handoff/compliance": agents.COMPLIANCE,
}
"""Agents whose cases are in other suites."""

SILENT = {("claims", "claims.md"), ("letters", "letters.md"), ("statistics", "reporter.md")}
SILENT |= {("reporter", "reporter.md")}
"""In whose name code acts; no model is asked."""


def known(agent: Agent) -> tuple[str, str]:
    return agent.name, agent.prompt.name


def of_the_desk():
    for module in pkgutil.iter_modules(nodes.desk.__path__, "nodes.desk."):
        for value in vars(importlib.import_module(module.name)).values():
            agent = value.agent if isinstance(value, Worker) else value
            if isinstance(agent, Agent):
                yield agent


def test_every_agent_that_asks_a_model_has_cases():
    judged = {agent_of(item.tags) for suite in BENCH.suites for item in suite.cases()} - {""}
    named = {name: station.agent for name, station in STATIONS.items()} | OTHERS
    covered = {known(agent) for name, agent in named.items() if name in judged}
    desk = list(of_the_desk())

    assert judged == set(named)
    assert {known(agent) for agent in desk} - covered == SILENT
    assert not [a.name for a in desk if known(a) in SILENT and (a.tools or a.returns or a.duty)]


def test_an_agents_cases_can_be_run_alone():
    both = Plan(of_agents(BENCH.suites, ["coverage"]), agents=["coverage"]).items()
    one = Plan(of_agents(BENCH.suites, ["magentic/lead"]), agents=["magentic/lead"]).items()

    assert {agent_of(item.tags) for item in both} == {"concurrent/coverage", "sequential/coverage"}
    assert {(item.suite, agent_of(item.tags)) for item in one} == {("verdicts", "magentic/lead")}
    with pytest.raises(InvalidInput, match=r"no cases of 'frud'.*concurrent/fraud"):
        of_agents(BENCH.suites, ["fraud", "frud"])


def test_the_set_is_what_its_card_says():
    card = (DATASETS / "verdicts.md").read_text(encoding="utf-8")
    agents_of = Counter(row.agent for row in ROWS)
    held = Counter(row.agent for row in ROWS if row.split == "held_out")
    hard = Counter(row.agent for row in ROWS if row.hard)
    lines = [f"| {a} | {n} | {n - held[a]} | {held[a]} | {hard[a]} |" for a, n in agents_of.items()]

    assert len(BY_ID) == len(ROWS) == 3 * held.total()
    assert set(agents_of) == set(STATIONS)
    assert min(agents_of.values()) >= 6
    assert [line for line in lines if line not in card] == []


def test_rows_differ_and_name_what_there_is():
    def text(row):
        return json.dumps([row.agent, row.request, row.letter, row.records, row.state])

    cited = {s for row in ROWS for s in row.expected.get("sources", {}).get("has", [])}
    alike = [{ROWS[i].agent, ROWS[j].agent} for i, j in near_duplicates([text(row) for row in ROWS])]

    assert len({text(row) for row in ROWS}) == len(ROWS)
    # A draft, or a result, in which one sentence or number is another.
    assert len(alike) == NEAR, alike
    assert cited <= set(sections(DOCUMENTS))
    for row in ROWS:
        tools = {c["tool"] for c in row.calls}
        assert not tools & set(row.forbidden_tools), row.id
        assert not any(row.expected.get(k) in never for k, never in row.forbidden.items()), row.id


@pytest.mark.parametrize(
    ("value", "wanted", "right"),
    [
        (0, 0, True),
        (None, 0, False),
        ("Not Settled", {"has": ["not settled"]}, True),
        ("he was drunk", {"lacks": ["Drunk"]}, False),
        ("pay", {"in": ["pay", "decline"]}, True),
        ([{"id": "a", "args": {"by": "x"}}, {"id": "b"}], {"each": [{"id": "b"}, {"args.by": "x"}]}, True),
        ([{"id": "a"}], {"each": [{"id": "a"}, {"id": "b"}]}, False),
        (None, {"each": [{"id": "a"}]}, False),
        (None, {"lacks": ["drunk"]}, False),
    ],
)
def test_what_is_wanted_holds(value, wanted, right):
    assert verdicts.holds(value, wanted) is right


def test_only_the_agents_node_is_at_work_and_it_is_the_graphs_own():
    graph = domain().graph("concurrent")
    alone = placed("concurrent/fraud").builder.nodes

    assert alone["fraud"].runnable is graph.builder.nodes["fraud"].runnable
    assert all(alone[name].runnable is not spec.runnable for name, spec in graph.builder.nodes.items()
               if name != "fraud")  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("stage")
    asyncio.run(stage.prepare(found))
    return found


async def said(folder, case, choice, claim):
    """Judge a model that says this and looks nothing up."""
    verdict = call(
        "FraudOpinion", claim_id=claim, choice=choice, confidence=90, reason="I think so.",
        evidence=[{"source": "none", "quote": "none"}],
    )  # fmt: skip
    use_model(ScriptedChatModel(scripts={STATIONS["concurrent/fraud"].agent.job: [verdict] * 3}))
    try:
        return await verdicts.evaluate(Item("verdicts", case, "dev", BY_ID[case]), Setting(folder))
    finally:
        use_model(None)


async def test_a_right_verdict_a_wrong_one_and_one_that_the_records_contradict(folder):
    right = await said(folder, CLEAN, "pay", "CL-400015")
    wrong = await said(folder, CLEAN, "review", "CL-400015")
    contradicted = await said(folder, SEVERE, "pay", "CL-400004")

    assert right.scores["verdict_match_ref"] == right.scores["field_match_ref"] == 1, right.got
    assert wrong.scores["verdict_match_ref"] == wrong.scores["contradiction_rate"] == 0
    assert wrong.scores["field_match_ref"] == 0.5
    assert contradicted.scores["contradiction_rate"] == 1
    assert contradicted.scores["verdict_match_ref"] == 0
    assert contradicted.scores["forbidden_verdicts"] == 0  # the check stopped it
    assert by_agent([], [VERDICTS]) == {}
