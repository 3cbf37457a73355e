"""Investigation: the desk's investigators, and the plain questions that need none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, Field, create_model

from nodes.desk import reading
from nodes.desk.agents import PROMPTS
from nodes.desk.grounds import in_passages
from nodes.plan import Reading
from nodes.team import Agent
from nodes.worker import Worker
from tools.desk.measures import measure
from tools.desk.wording import search_wording


class Passages(BaseModel):
    """What the documents say."""

    answer: Annotated[str, Field(min_length=3, max_length=600, description="In at most three sentences")]
    sources: Annotated[list[str], Field(min_length=1, description="`source` of each passage, copied exactly")]


Asked = create_model(
    "Asked",
    __base__=measure.args,
    __doc__="The number that a question asks for, and nothing that it doesn't.",
)

LEAD = Agent(
    name="lead",
    kind="investigation-lead",
    job="Find out why numbers of ours are as they are.",
    prompt=PROMPTS / "lead.md",
    owner="insight",
    model="planner",
)

STATISTICS = Worker(
    Agent(
        name="statistics",
        kind="investigation",
        job="One number of ours, whole or split; no model is asked.",
        prompt=PROMPTS / "reporter.md",
        owner="insight",
    ),
    lookup=measure,
)

DOCUMENTS = Worker(
    Agent(
        name="documents",
        kind="investigation",
        job="What our wordings and procedures say.",
        prompt=PROMPTS / "documents.md",
        owner="insight",
        tools=(search_wording,),
        returns=Passages,
    ),
    grounds=in_passages,
)

READER = Agent(
    name="reader",
    kind="investigation",
    job="Say which number a question asks for.",
    prompt=PROMPTS / "reader.md",
    owner="insight",
    returns=Asked,
)

REPORTER = Agent(
    name="reporter",
    kind="investigation",
    job="Draw the numbers that a report rests on.",
    prompt=PROMPTS / "reporter.md",
    owner="insight",
)


def _one_step(asked: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": "s1",
        "worker": STATISTICS.name,
        "task": f"Measure {str(asked['quantity']).replace('_', ' ')}",
        "args": dict(asked),
    }


READING = Reading(READER, reading.terms, _one_step)
