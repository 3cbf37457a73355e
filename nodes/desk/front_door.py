"""The desk's front door: the classes of task that come in, and which patterns can do them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from nodes.desk.results import Reason
from nodes.selection import Job
from nodes.team import Agent
from nodes.topology import Task

PROMPTS = Path(__file__).parent / "prompts"


class Route(BaseModel):
    """What a request asks for, and what has to be done for it."""

    job: Annotated[
        Literal[
            "question",
            "service",
            "claim",
            "complaint",
            "assessment",
            "letter",
            "case",
            "investigation",
            "other",
        ],
        Field(
            description="What the request is.\n"
            "- question: a question about what the insurance covers or how something works, e.g. "
            "is my luggage covered if I leave it in the car?; what is the deductible for?; "
            "does the wording say anything about frost?; do you also offer loans or savings accounts?\n"
            "- service: one small service task on the customer's own records, e.g. "
            "please change my address; when is my next premium due?; call me back; "
            "which policies do I have?\n"
            "- claim: a claim: a loss has happened and the customer wants money for it, e.g. "
            "a pipe burst and I enclose the repair invoice; "
            "I had a car accident, please reimburse the garage bill; "
            "my dog was operated, here is the vet's invoice\n"
            "- complaint: a complaint, or several concerns at once that need different specialists, e.g. "
            "you charged me twice and nobody answers, I want to complain; "
            "the invoice is wrong and also my address has changed\n"
            "- assessment: a colleague wants a claim that is already open to be examined, e.g. "
            "assess claim CL-400001; check the claim for cover, fraud and cost\n"
            "- letter: a colleague wants a letter to be drafted, e.g. "
            "draft a letter to the customer; write a reply that explains the decision\n"
            "- case: a colleague hands over a whole claim from start to finish, e.g. "
            "take over the whole case until it is closed; handle this claim end to end\n"
            "- investigation: an analysis of figures over many claims, e.g. "
            "why did complaints double in March?; find out what is behind the rise of thefts\n"
            "- other: nothing that an insurer does, e.g. "
            "what is the weather like?; write a poem; who won the match?; book a flight"
        ),
    ]
    plan: Annotated[
        list[Task],
        Field(
            max_length=12,
            description="The tasks, only where they aren't the usual ones for such a job; else leave it out",
        ),
    ] = []
    reason: Reason


FRONT_DOOR = Agent(
    name="choose",
    kind="front-door",
    job="Say what a request asks for.",
    prompt=PROMPTS / "front-door.md",
    owner="operations",
    returns=Route,
)


def _task(name: str, skill: str, *needs: str, tools: bool = True) -> Task:
    return Task(name=name, skill=skill, tools=tools, needs=list(needs))


QUESTION = Job("question", (_task("answer", "answers", tools=False),), ("direct",))

SERVICE = Job("service", (_task("serve", "service"),), ("single", "handoff"))

CLAIM = Job(
    "claim",
    (
        _task("facts", "intake", tools=False),
        _task("cover", "coverage", "facts"),
        _task("amount", "coverage", "cover"),
        _task("decision", "claims", "amount", tools=False),
        _task("payment", "claims", "decision"),
        _task("letter", "letters", "payment"),
    ),
    ("sequential", "supervisor"),
)

COMPLAINT = Job(
    "complaint", (_task("complaint", "compliance"), _task("concern", "billing")), ("handoff", "supervisor")
)

ASSESSMENT = Job(
    "assessment",
    (
        *(_task(view, view) for view in ("coverage", "fraud", "cost", "history")),
        _task("verdict", "claims", "coverage", "fraud", "cost", "history", tools=False),
    ),
    ("concurrent", "supervisor"),
)

LETTER = Job(
    "letter",
    (
        _task("draft", "writer", "legal", "tone", tools=False),
        _task("legal", "compliance", "draft", tools=False),
        _task("tone", "tone", "draft", tools=False),
    ),
    ("group_chat",),
)

CASE = Job(
    "case",
    (
        _task("facts", "intake"),
        _task("records", "history"),
        _task("cover", "coverage", "facts", "records"),
        _task("cost", "cost", "facts", "records"),
        _task("settlement", "claims", "cover", "cost"),
        _task("letter", "letters", "settlement"),
    ),
    ("supervisor",),
)

INVESTIGATION = Job("investigation", (), ("magentic",))

OTHER = Job("other")

JOBS = (QUESTION, SERVICE, CLAIM, COMPLAINT, ASSESSMENT, LETTER, CASE, INVESTIGATION, OTHER)
