"""Booking: what is wanted, held against the diary; a person's yes where policy wants it; the appointment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from governance.principals import Run
from graphs.sequential import sequential
from nodes.action import Action
from nodes.agent import Lookup
from nodes.clinic.agents import BOOKER, INTAKE
from nodes.clinic.results import Booking
from nodes.step import Step
from tools.clinic.appointments import book_appointment, list_appointments


async def _free(result: Booking, _state: Mapping[str, Any], lookup: Lookup) -> Sequence[str]:
    """The patient has nothing else on that day."""
    known = await lookup(list_appointments, patient_id=result.patient_id)
    same = [each for each in known if each["day"] == f"{result.day}" and each["state"] == "booked"]
    return [f"{each['appointment_id']} is on the same day; cancel it first" for each in same]


def _booking(results: Mapping[str, Any], _run: Run) -> dict[str, Any]:
    return dict(results[INTAKE.name])


def _told(results: Mapping[str, Any]) -> dict[str, Any]:
    booked = results.get(book_appointment.name)
    if not booked:
        return {"result": dict(results)}
    said = "{appointment_id}: {kind} on {day} at {start}.".format(**booked)
    return {"answer": said.replace("_", "-"), "result": booked}


graph = sequential(
    [Step(INTAKE, check=_free), Action(BOOKER, book_appointment, _booking, review=True)], compose=_told
).compile(name="sequential")
