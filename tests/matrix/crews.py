"""Crews: each pattern with agents of the ticket office, one of whom may look an order up and refund it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage
from pydantic import BaseModel

from graphs.adaptive import adaptive
from graphs.concurrent import concurrent
from graphs.direct import direct
from graphs.group_chat import maker_checker
from graphs.handoff import handoff
from graphs.magentic import magentic
from graphs.pattern import Graph
from graphs.sequential import sequential
from graphs.single import single
from graphs.supervisor import supervisor
from models.scripted import Reply
from nodes.assign import Assignment
from nodes.assignee import Assignee
from nodes.finding import Review
from nodes.nested import Nested
from nodes.resolve import AskHuman, Vote
from nodes.step import Step
from nodes.team import Agent
from nodes.worker import Worker
from tests.scenarios.conftest import calls, says
from tests.second.assessors import MONEY, RULES, Opinion, opines
from tests.second.office import DOOR, JOBS, Facts, agent, find_order, refund

Line = Reply | Callable[[Sequence[BaseMessage]], Reply]
"""What an agent says, or how it makes that of what it was told."""


class Done(BaseModel):
    """What was done."""

    done: bool


class Draft(BaseModel):
    """A letter."""

    text: str


class Advice(BaseModel):
    """What the handbook says."""

    answer: str
    sources: list[str]


class Handbook:
    """One page that answers everything."""

    collection = "handbook"

    async def __call__(self, question: str) -> Sequence[Mapping[str, Any]]:
        del question
        return [{"source": "handbook § 1", "text": "Refunds take three days.", "score": 1.0}]


def acting(returns: type[BaseModel] | None = None) -> Agent:
    """The agent that acts, whatever the pattern wants as its result."""
    return agent("acts", "cashier", tools=(find_order, refund), returns=returns)


@dataclass
class Lines:
    """A script: one line after another, the last one for ever."""

    lines: Sequence[Line]
    said: int = 0

    def __call__(self, messages: Sequence[BaseMessage]) -> Reply:
        line = self.lines[min(self.said, len(self.lines) - 1)]
        self.said += 1
        return line(messages) if callable(line) else line


@dataclass(frozen=True)
class Crew:
    """One pattern at work.

    Attributes:
        build: Makes its graph.
        ends: How the acting agent gives its result.
        others: What the rest of the team says, by agent.
    """

    name: str
    build: Callable[[], Graph]
    ends: AIMessage
    others: Mapping[str, Sequence[Line]] = field(default_factory=dict)

    def scripts(self, *acts: Line, ends: Line | None = None) -> dict[str, Any]:
        """Everybody's lines, where the acting agent does `acts` before it ends."""
        everybody = {**self.others, "acts": [*acts, self.ends if ends is None else ends]}
        return {f"Job of {name}.": Lines(lines) for name, lines in everybody.items()}


def look(order: str = "T-001") -> AIMessage:
    """The acting agent looks an order up, and so learns the token of the account that paid."""
    return calls("find_order", order_id=order)


def pay(order: str = "T-001", amount: int = 4_000) -> Line:
    """The acting agent refunds an order to the account that it has seen."""

    def line(messages: Sequence[BaseMessage]) -> Reply:
        seen = re.findall(r"<iban:[0-9a-f]{12}>", "\n".join(message.text for message in messages))
        return calls("refund", order_id=order, amount=amount, iban=seen[-1])

    return line


ACTS = acting()
READS = agent("reads", "reader", returns=Facts)
FRONTS = agent("fronts", "cashier", tools=(find_order,))
LAW = agent("law", "reader", returns=Review)
BOSS = agent("boss", "lead", returns=Assignment)
LEAD = agent("planner", "lead")
CHAIR = agent("chair", "boss", returns=Assignment)
"""Policy lets bosses assign patterns."""

STEP = {"id": "s1", "worker": "acts", "task": "Refund the order T-001"}
FOUND = {
    "satisfied": True,
    "progressing": True,
    "reason": "it is refunded",
    "findings": [{"statement": "T-001 is refunded.", "results": ["s1"]}],
}


def assigned(worker: str, task: str = "", answer: str = "") -> AIMessage:
    """What the boss decides."""
    return calls("Assignment", worker=worker, task=task, reason="it is their job", answer=answer)


def panel() -> Graph:
    """Three who give verdicts on the same question."""
    return concurrent(
        [acting(Opinion), RULES, MONEY], resolve=[Vote(), AskHuman(role="claims-lead")], quorum="all"
    )


CREWS = [
    Crew(
        "direct",
        lambda: direct(agent("acts", "cashier", returns=Advice), retriever=Handbook(), least=0.5),
        calls("Advice", answer="Three days.", sources=["handbook § 1"]),
    ),
    Crew("single", lambda: single(ACTS), says("It is refunded.")),
    Crew(
        "sequential",
        lambda: sequential([Step(READS), Step(acting(Done))]),
        calls("Done", done=True),
        {"reads": [calls("Facts", order_id="T-001", amount=4_000)]},
    ),
    Crew(
        "concurrent",
        panel,
        opines("refund"),
        {"rules": [opines("refund")], "money": [opines("refund")]},
    ),
    Crew(
        "group_chat",
        lambda: maker_checker(acting(Draft), [LAW]),
        calls("Draft", text="We have refunded your order."),
        {"law": [calls("Review", verdict="satisfied", findings=[], resolved=[])]},
    ),
    Crew(
        "handoff",
        lambda: handoff([FRONTS, ACTS], edges={"fronts": ["acts"]}),
        says("It is refunded."),
        {"fronts": [calls("transfer_to_acts", reason="they refund")]},
    ),
    Crew(
        "supervisor",
        lambda: supervisor(BOSS, {"acts": ACTS}),
        says("It is refunded."),
        {"boss": [assigned("acts", "Refund the order T-001."), assigned("finish", answer="It is refunded.")]},
    ),
    Crew(
        "magentic",
        lambda: magentic(LEAD, [Worker(ACTS)], review=None),
        says("It is refunded."),
        {"planner": [calls("TaskLedger", guessed=[], plan=[STEP]), calls("ProgressLedger", **FOUND)]},
    ),
    Crew(
        "adaptive",
        lambda: adaptive(
            DOOR,
            JOBS,
            {name: single(ACTS).compile(name=name) for name in ("single", "handoff", "sequential")},
        ),
        says("It is refunded."),
        {"choose": [calls("Choice", job="lookup", reason="they ask for one order")]},
    ),
]
"""Every pattern, the simplest first."""

DIRECT, SINGLE, SEQUENTIAL, CONCURRENT, _, HANDOFF, SUPERVISOR, MAGENTIC, ADAPTIVE = CREWS


def voting(crew: Crew, build: Callable[[Nested], Graph], **others: Sequence[Line]) -> Crew:
    """The same crew, where the panel stands in the place of the agent that acts."""
    return replace(
        crew,
        build=lambda: build(Nested(graph=panel().compile(name="acts"), job="They vote.")),
        others={**CONCURRENT.others, **crew.others, **others},
        ends=CONCURRENT.ends,
    )


VOTING = {
    "sequential": voting(SEQUENTIAL, lambda team: sequential([Step(READS), team])),
    "handoff": voting(HANDOFF, lambda team: handoff([FRONTS, team], edges={"fronts": ["acts"]})),
    "supervisor": voting(
        SUPERVISOR,
        lambda team: supervisor(CHAIR, {"acts": Assignee(team.graph, team.job)}),
        chair=SUPERVISOR.others["boss"],
    ),
    "magentic": voting(
        MAGENTIC, lambda team: magentic(LEAD, [Worker(ACTS, pattern=team.graph)], review=None)
    ),
    "adaptive": voting(
        ADAPTIVE,
        lambda team: adaptive(
            DOOR,
            [replace(job, ladder=("acts",) if job.ladder else ()) for job in JOBS],
            {"acts": team.graph},
        ),
    ),
}
"""Crews whose members vote, since a pattern of votes stands where one of them stood."""
