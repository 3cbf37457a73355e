"""What the clinic's agents must return; descriptions and patterns are all that a model is told."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from models.examples import KEYWORD, Examples
from tools.clinic.appointments import Day, Kind, PatientId

EXAMPLES = Examples.read(Path(__file__).parent / "prompts" / "jobs.toml")
Reason = Annotated[str, Field(min_length=3, max_length=400, description="Why, in one sentence")]


class Route(BaseModel):
    """What a request asks for."""

    job: Annotated[
        Literal["question", "booking", "appointments", "other"],
        Field(
            description="What the request is.\n"
            "- question: how a visit goes and what it costs, e.g. what must I bring; where can I park\n"
            "- booking: a new appointment is wanted, e.g. please book me a check-up on 3 December\n"
            "- appointments: about those that the patient has, e.g. when is my next one; cancel A-1001\n"
            "- other: nothing that an appointment desk does, e.g. write a poem; what does my finding mean",
            json_schema_extra={KEYWORD: EXAMPLES.id},
        ),
    ]
    reason: Reason


class Booking(BaseModel):
    """The appointment that is wanted."""

    patient_id: Annotated[PatientId, Field(description="Number of the patient to book for, such as P-001")]
    kind: Kind
    day: Day


class Answer(BaseModel):
    """An answer to the question, from the passages and from nothing else."""

    answer: Annotated[str, Field(min_length=3, description="The answer, in at most three sentences")]
    sources: Annotated[
        list[str],
        Field(min_length=1, description="`source` of each passage that the answer rests on, copied exactly"),
    ]
    answered: Annotated[bool, Field(description="False where the passages leave the question open")] = True
