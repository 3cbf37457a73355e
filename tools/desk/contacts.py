"""Contacts: what customers said to us, and what we noted."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated

from pydantic import Field
from sqlalchemy import select

from tools.desk import lookup
from tools.desk.applied import applied
from tools.desk.database import Desk, next_number
from tools.desk.errors import WrongState
from tools.desk.records import NoteRow
from tools.desk.terms import CustomerId, NoteId, NoteKind, Record, Text
from tools.spec import Caller, EffectKey, tool

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


KINDS = """New note's kind.
- callback: they want to be phoned, e.g. please call me; have somebody ring me; I can be reached after six
- complaint: they are not happy with us, e.g. I want to complain; nobody answers; I am upset; \
you charged me wrongly; I expect an answer
- question: a question that stays open
- note: something to be recorded, e.g. for your files; just note it
"""


class Note(Record):
    """A contact note."""

    note_id: str
    customer_id: str
    kind: NoteKind
    text: str
    noted_on: dt.date
    author: str
    removed: bool


@tool(owner="service", data=("contact",), needs=("desk",))
async def list_contacts(customer_id: CustomerId, *, desk: Desk, caller: Caller) -> list[Note]:
    """List earlier contacts with a customer: questions, complaints, notes and callbacks.

    Raises:
        UnknownRecord: No such customer in the caller's tenant.
    """

    def work(session: Session) -> list[Note]:
        lookup.customer(session, caller, customer_id)
        query = select(NoteRow).where(NoteRow.customer_id == customer_id, NoteRow.removed.is_(False))
        return [Note.model_validate(row) for row in session.scalars(query.order_by(NoteRow.note_id))]

    return await desk.read(work)


@tool(
    owner="service", writes=True, undo="remove_note", data=("contact",), needs=("desk",), settled_by=applied
)
async def add_note(  # the last three come from the gateway
    customer_id: CustomerId,
    kind: Annotated[NoteKind, Field(description=KINDS)],
    text: Annotated[Text, Field(description="New note's text: what the customer wants or said")],
    *,
    desk: Desk,
    key: EffectKey,
    caller: Caller,
) -> Note:
    """Note a question, complaint or callback request, e.g. call me back; I am not happy; just note it.

    Raises:
        UnknownRecord: No such customer in the caller's tenant.
    """

    def work(session: Session) -> Note:
        lookup.customer(session, caller, customer_id)
        row = NoteRow(
            note_id=next_number(session, "N"),
            customer_id=customer_id,
            kind=kind,
            text=text,
            noted_on=desk.today(),
            author=caller.user,
            removed=False,
        )
        session.add(row)
        return Note.model_validate(row)

    return await desk.once(key, caller, Note, work)


@tool(owner="service", writes=True, data=("contact",), needs=("desk",), settled_by=applied)
async def remove_note(note_id: NoteId, *, desk: Desk, key: EffectKey, caller: Caller) -> Note:
    """Remove a contact note that was added by mistake.

    Raises:
        WrongState: It has been removed already.
        UnknownRecord: Not in the caller's tenant.
    """

    def work(session: Session) -> Note:
        row = lookup.note(session, caller, note_id)
        if row.removed:
            msg = f"note {note_id} has been removed already; nothing is left to do"
            raise WrongState(msg)
        row.removed = True
        return Note.model_validate(row)

    return await desk.once(key, caller, Note, work)
