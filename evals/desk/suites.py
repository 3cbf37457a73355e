"""The desk's suites: what is evaluated here, and what can't be yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from evals.datasets import SETS, Case, Labelled, load
from evals.desk import (
    aggregation,
    answers,
    cases,
    oracle,
    policies,
    retrieval,
    roles,
    routing,
    tools,
    verdicts,
)
from evals.desk.data import DATASETS, DOCUMENTS
from evals.desk.probes import AT, BY_CODE, ROLES
from evals.desk.stage import prepare, users
from evals.desk.stations import STATIONS
from evals.suites import AGENT, Bench, Item, Setting, Suite
from evals.thresholds import read_thresholds
from evals.verification import Form, class_of, verify
from graphs.domain import domain
from nodes.desk import agents
from nodes.desk.admission import TOOLBOX
from nodes.desk.front_door import EXAMPLES
from nodes.team import Agent


def _cases(
    suite: str,
    dataset: str = "",
    keep: Callable[[Any], bool] = lambda _row: True,
    form: type[Labelled] | None = None,
    agent: Callable[[Any], str] = lambda _row: "",
) -> tuple[Path, Callable[[], Sequence[Item]]]:
    """A suite's file, and what reads its cases; the dataset has the suite's name unless another is given."""
    dataset = dataset or suite
    return DATASETS / f"{dataset}.jsonl", lambda: [
        Item(suite, row.id, row.split, row, _tags(row, agent(row)))
        for row in load(dataset, DATASETS, form)
        if keep(row)
    ]


def _tags(row: Labelled, agent: str) -> tuple[str, ...]:
    tags = ["hard"] * row.hard + [f"{AGENT}{agent}"] * bool(agent)
    if not isinstance(row, tuple(SETS.values())):
        return tuple(tags)
    if isinstance(row, Case):
        flags = ("policy_critical", "adversarial", "writes")
        job = f"job:{row.expected.graph[0]}"
        return (*tags, job, row.channel, *(flag for flag in flags if getattr(row, flag)))
    return (*tags, class_of(row))


ROUTING = Suite(
    "routing",
    "component",
    "the front door's choice of intent and pattern",
    *_cases("routing", agent=lambda _row: "adaptive/choose"),
    routing.evaluate,
    ("intent_correctness_ref", "routing_path_match_ref"),
)
TOOLS = Suite(
    "tools",
    "component",
    "calls that agents with tools of their own propose",
    *_cases("tools", keep=lambda row: row.role in ROLES, agent=lambda row: AT[row.role]),
    tools.evaluate,
    ("tool_selection_accuracy_ref", "tool_parameter_accuracy_ref"),
)
BY_CODE_TOOLS = Suite(
    "tools-by-code",
    "component",
    "calls that the graphs make in code, were they left to the agents",
    *_cases("tools-by-code", "tools", lambda row: row.role in BY_CODE),
    tools.evaluate,
    TOOLS.metrics,
)
VERDICTS = Suite(
    "verdicts",
    "component",
    "what each agent concludes where it stands in its graph",
    *_cases("verdicts", form=verdicts.VerdictCase, agent=lambda row: row.agent),
    verdicts.evaluate,
    ("verdict_match_ref", "field_match_ref"),
)
RETRIEVAL = Suite(
    "retrieval",
    "component",
    "sections that are found for a question",
    *_cases("retrieval"),
    retrieval.evaluate,
    ("recall_at_4_ref", "mrr_ref"),
)
POLICY = Suite(
    "policy",
    "component",
    "what is said to an act",
    *_cases("policy", form=policies.PolicyCase),
    policies.evaluate,
    ("policy_decision_match_ref",),
    labelled="system correctness",
)
AGGREGATION = Suite(
    "aggregation",
    "component",
    "what becomes of verdicts that agree, differ or are missing",
    *_cases("aggregation", form=aggregation.VerdictSet),
    aggregation.evaluate,
    ("aggregation_correctness_ref",),
    labelled="system correctness",
)
ANSWERS = Suite(
    "answers",
    "output",
    "what is answered from the documents, on a third of the questions",
    *_cases("answers", "retrieval", lambda row: roles.sampled(row.id, 3), agent=lambda _row: "direct/answer"),
    answers.evaluate,
    ("relevance_ref", "faithfulness_ref", "refusal_ref"),
)
CASES = Suite(
    "cases",
    "output",
    "whole requests, judged by the database",
    *_cases("cases"),
    cases.evaluate,
    ("goal_success_rate", "end_state_ref"),
)

SINGLE = Suite(
    "cases-single",
    "output",
    "the same requests with one agent alone: what orchestration is worth",
    *_cases("cases-single", "cases"),
    partial(cases.evaluate, graph="single"),
    CASES.metrics,
)
ORACLE = Suite(
    "oracle",
    "output",
    "requests whose model is scripted to say what is right",
    *_cases("oracle", "cases", oracle.covered),
    partial(cases.evaluate, oracle=oracle.model_for),
    CASES.metrics,
    labelled="system correctness",
)


def _role(role: str, dataset: str, about: str, one_in: int = 1) -> Suite:
    name = f"roles-{role}"
    return Suite(
        name,
        "model",
        about,
        *_cases(name, dataset, lambda row: roles.sampled(row.id, one_in)),
        roles.evaluate,
        ("accuracy_ref", "structured_output_validity", "instruction_keeping_ref"),
    )


ROLES_OF_MODELS = (
    _role("worker", "tools", "the calls for a request, with their arguments", one_in=2),
    _role("planner", "routing", "what a request asks for, as a structured answer", one_in=4),
    _role("judge", "judge", "which of two answers is better, as people say"),
)


async def _warm(folder: Path) -> None:
    """Load models and documents, so that the first case's time is like the others'."""
    setting = Setting(folder)
    for suite in (ROUTING, RETRIEVAL):
        await suite.evaluate(suite.cases()[0], setting)


PENDING = {each.name: each.why for each in read_thresholds(Path(__file__).with_name("gate.toml")).pending}


def forms() -> Mapping[str, Form]:
    """Sets that have a form of their own, and whom and what their rows may name."""
    people = users()
    examiners = {name.rpartition("/")[2] for name in STATIONS} | {"legal"}  # a fifth, who isn't in the team
    kinds = {agent.kind for agent in vars(agents).values() if isinstance(agent, Agent)}
    acts = {"kind": kinds, "user": people, "tool": TOOLBOX, "graph": domain().graphs}
    said = dict.fromkeys(("team", "said", "absent"), examiners)
    return {
        "verdicts": (verdicts.VerdictCase, {"agent": STATIONS, "user": people}),
        "policy": (policies.PolicyCase, acts),
        "aggregation": (aggregation.VerdictSet, said),
    }


BENCH = Bench(
    (
        *ROLES_OF_MODELS,
        ROUTING,
        TOOLS,
        BY_CODE_TOOLS,
        VERDICTS,
        RETRIEVAL,
        POLICY,
        AGGREGATION,
        ANSWERS,
        CASES,
        SINGLE,
        ORACLE,
    ),
    prepare,
    _warm,
    PENDING,
    lambda: verify(DATASETS, DOCUMENTS, {"routing": [text for text, _ in EXAMPLES.labelled]}, forms()),
)
