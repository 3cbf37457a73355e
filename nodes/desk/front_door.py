"""The desk's front door: the classes of task that come in, and which patterns can do them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from models.examples import KEYWORD, Examples
from nodes.desk.results import Confidence, Reason
from nodes.selection import Job
from nodes.team import Agent
from nodes.topology import Task

PROMPTS = Path(__file__).parent / "prompts"
EXAMPLES = Examples.read(PROMPTS / "jobs.toml")


class Route(BaseModel):
    """What a request asks for, and what has to be done for it."""

    job: Annotated[
        Literal[
            "wording_question",
            "process_question",
            "callback_request",
            "address_change",
            "account_change",
            "premium_status",
            "policy_info",
            "claim_status",
            "document_request",
            "cancellation_request",
            "claim_withdrawal",
            "claim_new",
            "complaint",
            "multi_concern",
            "claim_assessment",
            "letter_drafting",
            "case_handling",
            "investigation",
            "out_of_scope",
        ],
        Field(
            description=(PROMPTS / "jobs.md").read_text(encoding="utf-8").strip(),
            json_schema_extra={KEYWORD: EXAMPLES.id},
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
    confidence: Confidence | None = None


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


ANSWER = (_task("answer", "answers", tools=False),)
"""One look into the documents."""

SERVE = (_task("serve", "service"),)
"""One look into the customer's records, or one change to them."""

CLAIM = (
    _task("facts", "intake", tools=False),
    _task("cover", "coverage", "facts"),
    _task("amount", "coverage", "cover"),
    _task("decision", "claims", "amount", tools=False),
    _task("payment", "claims", "decision"),
    _task("letter", "letters", "payment"),
)

CONCERNS = (_task("complaint", "compliance"), _task("concern", "billing"))

VIEWS = ("coverage", "fraud", "cost", "history")
ASSESSMENT = (*(_task(view, view) for view in VIEWS), _task("verdict", "claims", *VIEWS, tools=False))

LETTER = (
    _task("draft", "writer", "legal", "tone", tools=False),
    _task("legal", "compliance", "draft", tools=False),
    _task("tone", "tone", "draft", tools=False),
)

CASE = (
    _task("facts", "intake"),
    _task("records", "history"),
    _task("cover", "coverage", "facts", "records"),
    _task("cost", "cost", "facts", "records"),
    _task("settlement", "claims", "cover", "cost"),
    _task("letter", "letters", "settlement"),
)

SERVICES = {
    "callback_request": "add_note",
    "address_change": "change_address",
    "account_change": "change_account",
    "premium_status": "",
    "policy_info": "",
    "claim_status": "",
    "document_request": "send_letter",
    "cancellation_request": "add_note",
    "claim_withdrawal": "withdraw_claim",
}
"""Service request → the tool without whose effect it isn't done; where no agent has it, a person does it."""

JOBS = (
    Job("wording_question", ANSWER, ("direct",)),
    Job("process_question", ANSWER, ("direct",)),
    *(Job(name, SERVE, ("single", "handoff"), effect=effect) for name, effect in SERVICES.items()),
    Job("claim_new", CLAIM, ("sequential",)),
    Job("complaint", CONCERNS, ("handoff",), effect="add_note"),
    Job("multi_concern", CONCERNS, ("handoff",)),
    Job("claim_assessment", ASSESSMENT, ("concurrent",)),
    Job("letter_drafting", LETTER, ("group_chat",)),
    Job("case_handling", CASE, ("supervisor",)),
    Job("investigation", (), ("magentic",)),
    Job("out_of_scope"),
)
