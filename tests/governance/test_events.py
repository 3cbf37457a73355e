"""Events: one run for each, whoever sees it; a document withdraws a question and never answers one."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from governance.acts import Seam
from governance.errors import InvalidInput
from governance.events import Event, EventBook, EventSeen, passed
from tests.governance.conftest import CONTRACT, LENA, SAM, act

LETTER = Event("document", "harbor", "letter.pdf", "abc")


def opening(plane, event):
    return plane.open_run(graph="g", user=SAM, contract=CONTRACT, input={}, event=event)


def question(run, sequence=1, place="sequential/escalate/0"):
    asked = act(
        run, "ask_human", sequence, seam=Seam.ROUTE, resource=("Agent", "human"), args={"step": "extract"}
    )
    return replace(asked, actor=replace(asked.actor, position=place))


async def test_of_all_who_see_it_at_once_one_opens_a_run(build):
    planes = [build() for _ in range(4)]
    done = await asyncio.gather(
        *(opening(p, LETTER) for p in planes for _ in range(2)), return_exceptions=True
    )

    opened = [run for run in done if not isinstance(run, BaseException)]
    seen = [error.run for error in done if isinstance(error, EventSeen)]
    assert len(opened) == 1
    assert seen == [opened[0].id] * 7
    assert await EventBook(planes[0]).run_of(LETTER) == opened[0].id
    assert len(await planes[0].runs()) == 1, "what lost the race left nothing behind"
    assert len(list(planes[0].audit.entries(kind="run_opened"))) == 1
    assert len(list(planes[0].audit.entries(kind="event"))) == 1


async def test_another_name_content_or_tenant_is_another_event(plane):
    others = [
        LETTER,
        Event("document", "harbor", "other.pdf", "abc"),
        Event("document", "harbor", "letter.pdf", "abd"),
        Event("document", "lakeside", "letter.pdf", "abc"),
    ]
    assert len({(await opening(plane, event)).id for event in others}) == 4


async def test_a_document_withdraws_the_question_and_is_found_by_whoever_asked(plane, run):
    book, asked = EventBook(plane), await plane.request_approval(question(run), "what is missing?")
    assert await book.brought(question(run)) is None
    ((found, names),) = await book.questions("harbor", "C-10001")
    assert found.id == asked.id
    assert names == {asked.id, run.id}

    assert await book.bring(LETTER, asked, "the bill")

    assert await book.brought(question(run)) == "the bill"
    assert await book.brought(question(run, 2)) is None, "only the one who asked gets it"
    assert await book.questions("harbor", "C-10001") == []
    with pytest.raises(InvalidInput, match="a document arrived"):
        await plane.decide(LENA, {"approval_id": asked.id, "decisions": [{"type": "approve"}]})
    again = await plane.request_approval(question(run, 2), "still missing")
    assert (again.id != asked.id, again.state) == (True, "pending")
    with pytest.raises(EventSeen):
        await book.bring(LETTER, again, "the bill")


async def test_what_a_person_answered_first_stands(plane, run):
    book, asked = EventBook(plane), await plane.request_approval(question(run), "what is missing?")
    await plane.decide(LENA, {"approval_id": asked.id, "decisions": [{"type": "approve"}]})

    assert not await book.bring(LETTER, asked, "the bill")
    assert await book.run_of(LETTER) is None


async def test_other_peoples_questions_are_not_shown(plane, run):
    await plane.request_approval(question(run), "what is missing?")
    await plane.request_approval(act(run), "pay it?")
    await plane.request_approval(question(run, 2, "concurrent/ask_human/0"), "which position holds?")

    book = EventBook(plane)
    assert len(await book.questions("harbor", "C-10001")) == 1, (
        "a yes or a choice is not a document's to give"
    )
    assert await book.questions("harbor", "C-10002") == []
    assert await book.questions("lakeside", "C-10001") == []


async def test_a_deadline_is_noted_once(plane, run, clock):
    book, asked = EventBook(plane), await plane.request_approval(question(run), "what is missing?")
    assert await book.overdue("harbor") == []
    clock.forward(hours=25)
    assert [late.id for late in await book.overdue("harbor")] == [asked.id]
    assert await book.overdue("lakeside") == []

    for _ in range(2):
        await book.note(passed(asked), run.id)

    assert await book.overdue("harbor") == []
    (entry,) = plane.audit.entries(kind="event")
    assert entry["body"]["what"] == "deadline"
