"""Appointments: what a patient has, a new one, and one fewer."""

from __future__ import annotations

import sqlite3
from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from governance.errors import TowerError
from tools.clinic.diary import Diary
from tools.spec import Caller, EffectKey, tool

PatientId = Annotated[str, Field(pattern=r"^P-\d{3}$", description="Patient number, such as P-001")]
AppointmentId = Annotated[str, Field(pattern=r"^A-\d{4}$", description="Appointment number, such as A-1001")]
Kind = Annotated[
    Literal["check_up", "treatment"],
    Field(
        description="What the patient comes for.\n"
        "- check_up: the doctor looks and talks, e.g. a routine check-up; my yearly examination\n"
        "- treatment: something is done, e.g. a treatment; have a mole removed; minor surgery"
    ),
]
Day = Annotated[date, Field(description="Day of the appointment")]
STARTS = ("09:00", "10:00", "11:00", "14:00", "15:00")


class Appointment(BaseModel):
    """An appointment; `state` is `booked` or `cancelled`."""

    appointment_id: str
    patient_id: str
    kind: str
    day: str
    start: str
    state: str


class Refused(TowerError):
    """The diary doesn't allow it; nothing was changed."""


@tool(owner="reception", data=("appointments",), needs=("diary",))
async def list_appointments(patient_id: PatientId, *, diary: Diary, caller: Caller) -> list[Appointment]:
    """List a patient's appointments, e.g. when is my next appointment; what have I booked."""
    sql = "SELECT * FROM appointments WHERE tenant = ? AND patient_id = ? ORDER BY day, start"
    return await diary.run(lambda db: [_read(row) for row in db.execute(sql, (caller.tenant, patient_id))])


@tool(
    owner="reception",
    writes=True,
    undo="cancel_appointment",
    yields=("appointments", "appointment_id"),
    data=("appointments",),
    needs=("diary",),
)
async def book_appointment(  # the last three come from the gateway
    patient_id: PatientId, kind: Kind, day: Day, *, diary: Diary, key: EffectKey, caller: Caller
) -> Appointment:
    """Book an appointment at the first free time of a day.

    Raises:
        Refused: The day is full.
    """

    def work(db: sqlite3.Connection) -> Appointment:
        sql = "SELECT * FROM appointments WHERE key = ?"
        if done := db.execute(sql, (key,)).fetchone():
            return _read(done)
        of_day = "SELECT start FROM appointments WHERE tenant = ? AND day = ? AND state = 'booked'"
        taken = {start for (start,) in db.execute(of_day, (caller.tenant, f"{day}"))}
        free = next((start for start in STARTS if start not in taken), None)
        if free is None:
            msg = f"{day} is full; choose another day"
            raise Refused(msg)
        count = "SELECT count(*) FROM appointments WHERE tenant = ?"
        (known,) = db.execute(count, (caller.tenant,)).fetchone()
        row = (caller.tenant, f"A-{1001 + known}", patient_id, kind, f"{day}", free, "booked", key)
        db.execute("INSERT INTO appointments VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
        return _read(db.execute(sql, (key,)).fetchone())

    return await diary.run(work)


@tool(owner="reception", writes=True, idempotent=True, data=("appointments",), needs=("diary",))
async def cancel_appointment(appointment_id: AppointmentId, *, diary: Diary, caller: Caller) -> Appointment:
    """Cancel an appointment, e.g. please cancel A-1001; I can't come; call my appointment off.

    Raises:
        Refused: There is none of this number.
    """

    def work(db: sqlite3.Connection) -> Appointment:
        key = (caller.tenant, appointment_id)
        db.execute("UPDATE appointments SET state = 'cancelled' WHERE (tenant, appointment_id) = (?, ?)", key)
        row = db.execute("SELECT * FROM appointments WHERE (tenant, appointment_id) = (?, ?)", key).fetchone()
        if row is None:
            msg = f"there is no appointment {appointment_id}; list the patient's appointments"
            raise Refused(msg)
        return _read(row)

    return await diary.run(work)


def _read(row: sqlite3.Row) -> Appointment:
    return Appointment.model_validate(dict(row))
