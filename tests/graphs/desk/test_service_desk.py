"""What the service desk says was read and done; who asks to be called is noted for a person."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
from langchain_core.messages import AIMessage

from governance.settings import Settings
from models.door import use_model
from models.scripted import ScriptedChatModel, call
from tests.graphs.desk.legs import Legs

pytestmark = pytest.mark.usefixtures("prepared")
CUSTOMER = "C-10005"
TRIAGED = call("transfer_to_billing", reason="an invoice")
SINCE = "SELECT kind, text FROM desk_notes WHERE noted_on > '2026-07' ORDER BY note_id"
"""What was noted after the seeded records end."""
LOOKED = call("list_invoices", customer_id=CUSTOMER)


class Service(Legs):
    graph_name = "handoff"

    async def said(
        self, *answers: str, before: tuple[AIMessage, ...] = (), words: str = "Look, please."
    ) -> Any:
        """Billing looks at the invoices and says this; the last again and again."""
        lines = [LOOKED, *before, *map(AIMessage, [*answers, *[answers[-1]] * 9])]
        self.model = ScriptedChatModel(scripts={"Find the specialist": [TRIAGED], "Invoices, prem": lines})
        use_model(self.model)
        return await self.start(words, customer=CUSTOMER)

    @property
    def asked(self) -> str:
        """What a person is asked; empty where nobody is."""
        waiting = self.state.get("__interrupt__", ())
        return waiting[0].value["action_requests"][0]["description"] if waiting else ""


class Alone(Service):
    graph_name = "single"


def notes() -> list[tuple[str, str]]:
    """Kind and text of what was noted by these runs, past all of our code."""
    db = sqlite3.connect(Settings.from_env().home / "desk.db")
    try:
        return db.execute(SINCE).fetchall()
    finally:
        db.close()


NOT_READ = {
    "an amount": ("INV-300005 bears 999.99 EUR.", "999.99 is not found"),
    "a date": ("INV-300005 was due on 3 March 2019.", "2019-03-03 is not found"),
    "a claim": ("It is about CL-499999.", "CL-499999 is not found"),
}
NOT_DONE = ("I have cancelled your policy.", "We've refunded it.", "Your address has been changed.",
            "The complaint was recorded.", "I've now updated the account.")  # fmt: skip


@pytest.mark.parametrize(("words", "why"), NOT_READ.values(), ids=NOT_READ)
async def test_what_no_agent_read_is_told_and_then_a_person_is_asked(words, why):
    run = await Service().said(words)

    assert why in run.asked
    assert run.model.calls == 5, "triage, a look, and three tries"


@pytest.mark.parametrize("words", NOT_DONE)
async def test_an_act_that_the_journal_lacks_is_told_and_then_a_person_is_asked(words):
    run = await Service().said(words)

    assert "no such act was carried out" in run.asked
    assert notes() == []


async def test_what_was_read_is_taken_however_it_is_written():
    run = await Service().said(
        "INV-300005 and INV-300006 bear €118.40 each, in all 2; you said EUR 7.", words="7 EUR"
    )

    assert run.outcome["status"] == "completed"


async def test_after_a_repair_the_answer_is_taken():
    run = await Service().said("It is 999.99 EUR.", "It is 118.40 EUR.")

    assert (run.outcome["status"], run.outcome["answer"]) == ("completed", "It is 118.40 EUR.")


async def test_an_act_that_was_carried_out_may_be_told():
    noted = call("add_note", customer_id=CUSTOMER, kind="complaint", text="Charged twice.")
    run = await Service().said("I have recorded your complaint.", before=(noted,))

    assert run.outcome["status"] == "completed"
    assert notes() == [("complaint", "Charged twice.")]


async def test_what_an_agent_wrote_itself_bears_nothing_out():
    noted = call("add_note", customer_id=CUSTOMER, kind="note", text="999.99 EUR are disputed.")
    run = await Service().said("It is 999.99 EUR.", before=(noted,))

    assert "999.99 is not found" in run.asked


CALLBACKS = (
    "Please call me back on Thursday about my policy",
    "please call me on Thursday",
    "Could someone ring me tomorrow after 5 pm?",
    "Give me a call, I have questions about my invoices.",
)


@pytest.mark.parametrize("words", CALLBACKS)
async def test_offline_who_asks_to_be_called_is_noted_in_their_own_words(words):
    run = await Alone().start(words, customer=CUSTOMER)

    assert run.outcome["status"] == "completed"
    assert [text for _kind, text in notes()] == [words]


@pytest.mark.parametrize("words", ["Why did nobody call me back?", "Which policies do I have?"])
async def test_offline_who_does_not_ask_to_be_called_is_not_noted(words):
    await Alone().start(words, customer=CUSTOMER)

    assert notes() == []


async def test_who_asks_to_be_called_is_noted_or_a_person_is_asked():
    run = await Service().said("Your invoices are paid.", words="Please call me on Thursday")

    assert "they want to be called" in run.asked


MOVED = "I have moved: Lindenstraße 7, 24105 Kiel."


async def moved_to(street: str, city: str, words: str = MOVED) -> Alone:
    """The agent changes the address to this, and says that it did."""
    change = call("change_address", customer_id=CUSTOMER, street=street, city=city)
    lines = [change, *[AIMessage("The address was changed.")] * 9]
    use_model(ScriptedChatModel(scripts={"Do a small service task": lines}))
    return await Alone().start(words, customer=CUSTOMER)


def lives() -> tuple[str, str]:
    """The customer's street and city on record, past all of our code."""
    db = sqlite3.connect(Settings.from_env().home / "desk.db")
    try:
        asked = "SELECT street, city FROM desk_customers WHERE customer_id = ?"
        found: tuple[str, str] = db.execute(asked, [CUSTOMER]).fetchone()
        return found
    finally:
        db.close()


async def test_a_new_address_is_taken_from_the_request():
    run = await moved_to("Lindenstraße 7", "24105 Kiel")

    assert run.outcome["status"] == "completed"
    assert lives() == ("Lindenstraße 7", "24105 Kiel")


async def test_the_old_address_is_no_new_one_and_a_person_is_asked():
    before = lives()
    run = await moved_to(*before, words=f"{MOVED} I lived at {before[0]}, {before[1]}.")

    assert lives() == before
    assert "no such act was carried out" in run.asked


async def test_an_address_that_the_request_does_not_give_is_not_written():
    before = lives()
    run = await moved_to("Am Deich 1", "24105 Kiel")

    assert lives() == before
    assert "no such act was carried out" in run.asked
    assert "street" in str(run.state["messages"])


class FromTheDoor(Service):
    graph_name = "adaptive"


UNDONE = {
    "complaint": "I have called five times about my claim and nobody picks up. This is a disgrace, "
    "you incompetent idiots, and I will go to the ombudsman!",
    "callback_request": "Bitte rufen Sie mich zurück",
}


@pytest.mark.parametrize(("job", "words"), UNDONE.items(), ids=UNDONE)
async def test_a_job_that_takes_a_note_is_not_done_by_an_answer_alone(job, words):
    looked = [*[call("list_invoices", customer_id=CUSTOMER), AIMessage("There are no claims.")] * 3]
    scripts = {
        "Say what a request": [call("Route", job=job, reason="it says so")],
        "Find the specialist": [TRIAGED],
        "Do a small service": looked,
        "Invoices, prem": looked,
    }
    use_model(ScriptedChatModel(scripts=scripts))
    run = await FromTheDoor().start(words, customer=CUSTOMER)

    assert notes() == []
    assert run.outcome["status"] == "escalated"
    assert f"{job} takes add_note" in str(run.outcome["reasons"])


async def test_a_complaint_that_is_noted_is_done():
    noted = call("add_note", customer_id=CUSTOMER, kind="complaint", text="Nobody picks up.")
    scripts = {
        "Say what a request": [call("Route", job="complaint", reason="it says so")],
        "Find the specialist": [TRIAGED],
        "Invoices, prem": [noted, AIMessage("I noted the complaint.")],
    }
    use_model(ScriptedChatModel(scripts=scripts))
    run = await FromTheDoor().start(UNDONE["complaint"], customer=CUSTOMER)

    assert run.outcome["status"] == "completed"
    assert notes() == [("complaint", "Nobody picks up.")]


NEW_HOME = (
    "We moved. Our new address is Hafenweg 12, 24105 Kiel.",
    "I have moved. My new address is Hafenweg 12, 24105 Kiel, Germany. Please change it.",
    "I move in December 2026. My new address is Hafenweg 12, 24105 Kiel. Please change it.",
    "My new address from 1 December 2026 is Hafenweg 12, 24105 Kiel. Please change it.",
    "New address: Hafenweg 12, 24105 Kiel.",
)


@pytest.mark.parametrize("words", NEW_HOME)
async def test_offline_a_new_address_is_the_requests_though_the_old_one_was_read(words):
    run = await Alone().start(words, customer=CUSTOMER)

    assert run.outcome["status"] == "completed"
    assert lives() == ("Hafenweg 12", "24105 Kiel")
