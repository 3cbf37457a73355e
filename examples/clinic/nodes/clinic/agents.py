"""The clinic's agents: who they are, what they are for and what they must return."""

from __future__ import annotations

from pathlib import Path

from nodes.clinic.results import Answer, Booking, Route
from nodes.selection import Job
from nodes.team import Agent
from nodes.topology import Task
from tools.clinic.appointments import cancel_appointment, list_appointments

PROMPTS = Path(__file__).parent / "prompts"

DOOR = Agent(
    name="choose",
    kind="door",
    job="Say what a request asks for.",
    prompt=PROMPTS / "door.md",
    owner="reception",
    returns=Route,
)

ANSWERS = Agent(
    name="answer",
    kind="answers",
    job="Answer a question from the leaflets, with sources.",
    prompt=PROMPTS / "answer.md",
    owner="reception",
    returns=Answer,
)

INTAKE = Agent(
    name="intake",
    kind="intake",
    job="Write down which appointment is wanted.",
    prompt=PROMPTS / "intake.md",
    owner="reception",
    returns=Booking,
)

RECEPTION = Agent(
    name="reception",
    kind="reception",
    job="See to the appointments that a patient has.",
    prompt=PROMPTS / "reception.md",
    owner="reception",
    tools=(list_appointments, cancel_appointment),
    duty="read",
)

BOOKER = Agent(
    name="booker",
    kind="reception",
    job="Book what was asked for.",
    prompt=PROMPTS / "reception.md",
    owner="reception",
)

JOBS = (
    Job("question", (Task(name="answer", skill="answers"),), ("direct",)),
    Job(
        "booking",
        (
            Task(name="intake", skill="intake"),
            Task(name="book", skill="reception", tools=True, needs=["intake"]),
        ),
        ("sequential",),
    ),
    Job("appointments", (Task(name="see", skill="reception", tools=True),), ("single",)),
    Job("other"),
)
