"""Who may come in to the clinic, and what a run of each graph may do at most."""

from __future__ import annotations

import sqlite3

from governance.policy import declare_tools
from nodes.admission import Admission, Profile
from tools.clinic.appointments import book_appointment, cancel_appointment, list_appointments
from tools.clinic.diary import Diary
from tools.registry import Toolbox

TOOLBOX = Toolbox([list_appointments, book_appointment, cancel_appointment])
# Whoever comes in has passed here, so policy knows the tools before it is first asked.
declare_tools(TOOLBOX.surfaces())


class Patients:
    """The clinic's patients, as admission sees them."""

    async def by_email(self, tenant: str, email: str) -> str | None:
        """The patient with this address, or None."""
        sql = "SELECT patient_id FROM patients WHERE tenant = ? AND email = ?"
        found = await Diary.current().run(lambda db: db.execute(sql, (tenant, email)).fetchone())
        return str(found["patient_id"]) if found else None

    async def profile(self, tenant: str, subject: str) -> Profile | None:
        """The patient's name and address, and which records are their own."""
        key = (tenant, subject)

        def work(db: sqlite3.Connection) -> Profile | None:
            sql = "SELECT * FROM patients WHERE (tenant, patient_id) = (?, ?)"
            patient = db.execute(sql, key).fetchone()
            if not patient:
                return None
            sql = "SELECT appointment_id FROM appointments WHERE (tenant, patient_id) = (?, ?)"
            own = frozenset(appointment for (appointment,) in db.execute(sql, key))
            known = {patient["name"]: "person", patient["email"]: "email"}
            return Profile(known, {"patients": frozenset({subject}), "appointments": own})

        return await Diary.current().run(work)


LOOK, BOOK = {"list_appointments": 4}, {"book_appointment": 1}
CANCEL = {"cancel_appointment": 2}
ADMISSION = Admission(
    Patients(),
    contracts={
        "direct": {},
        "single": {**LOOK, **CANCEL},
        "sequential": {**LOOK, **BOOK},
        "adaptive": {**LOOK, **BOOK, **CANCEL},
    },
)
