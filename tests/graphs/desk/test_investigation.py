"""Investigation on the desk's own records: numbers as plain SQL has them, or a person; never a wrong one."""

from __future__ import annotations

import json
import sqlite3
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Self

import pytest
from langchain_core.messages import AIMessage

from governance.control import control, use_control
from governance.errors import Denied
from governance.principals import User
from governance.settings import Settings
from graphs.domain import domain
from models.door import use_model
from models.scripted import ScriptedChatModel, call
from tests.graphs.desk.legs import Legs

MIA = User("mia", "lakeside", frozenset({"customer-agent"}))
LEAD = "Find out why numbers"
"""How the lead's system prompt begins."""


class Desk(Legs):
    graph_name = "magentic"

    async def ask(self, words: str, **more: Any) -> Self:
        """Start, and approve every plan."""
        await self.start(words, **more)
        while self.state.get("__interrupt__"):
            await self.answer()
        return self

    async def answer(self, kind: str = "approve", **changes: Any) -> Self:
        if not changes:
            return await super().answer(kind)
        action = self.state["__interrupt__"][0].value["action_requests"][0]
        edited = {"name": action["name"], "args": action["args"] | changes}
        return await super().answer(kind, edited_action=edited)


@pytest.fixture
async def desk(records: None) -> AsyncIterator[Desk]:
    await domain().prepare()
    yield Desk()
    use_model(None)
    control().close()
    use_control(None)


def sql(query: str) -> Any:
    """Plain SQL on the desk's file, past all of our code."""
    db = sqlite3.connect(Settings.from_env().home / "desk.db")
    try:
        return db.execute(query).fetchone()[0]
    finally:
        db.close()


def scripted(*lines: AIMessage) -> ScriptedChatModel:
    model = ScriptedChatModel(scripts={LEAD: list(lines)})
    use_model(model)
    return model


def measure(name: str, quantity: str, needs: list[str] | None = None, **args: Any) -> dict[str, Any]:
    step = {"id": name, "worker": "statistics", "task": f"Measure {quantity}", "needs": needs or []}
    return step | {"args": {"quantity": quantity, **args}}


def plan(*steps: Mapping[str, Any], **facts: Any) -> AIMessage:
    return call("TaskLedger", plan=list(steps), **facts)


def found(*findings: tuple[str, list[str]]) -> AIMessage:
    said = [{"statement": statement, "results": results} for statement, results in findings]
    return call("ProgressLedger", satisfied=True, progressing=True, reason="it is answered", findings=said)


CLAIMS = "FROM desk_claims c JOIN desk_customers p USING (customer_id) WHERE p.tenant = 'harbor' AND "
ABOUT = (
    "FROM desk_complaints k JOIN desk_claims c USING (claim_id) JOIN desk_notes n USING (note_id)"
    " JOIN desk_customers p ON p.customer_id = c.customer_id WHERE p.tenant = 'harbor' AND "
)
NOTES = "FROM desk_notes n JOIN desk_customers p USING (customer_id) WHERE p.tenant = 'harbor' AND "
BILLED = (
    "FROM desk_claims c JOIN desk_customers p USING (customer_id) JOIN desk_invoices i USING (invoice_number)"
    " WHERE p.tenant = 'harbor' AND "
)
DAYS = "SELECT round(avg(julianday(c.settled_on) - julianday(c.opened_on)), 1) "
WATER = "c.peril = 'water_damage' AND "
MARCH = {"since": "2026-03-01", "until": "2026-03-31"}
FEBRUARY = {"since": "2026-02-01", "until": "2026-02-28"}

STORED = [
    ("Were there many leaks in March?", "claims_opened", {"peril": "water_damage", **MARCH}, 18,
     f"SELECT count(*) {CLAIMS} {WATER} c.opened_on LIKE '2026-03-%'"),
    ("And in the month before that?", "claims_opened", {"peril": "water_damage", **FEBRUARY}, 5,
     f"SELECT count(*) {CLAIMS} {WATER} c.opened_on LIKE '2026-02-%'"),
    ("How busy was the year 2025 for claims?", "claims_opened",
     {"since": "2025-01-01", "until": "2025-12-31"}, 32,
     f"SELECT count(*) {CLAIMS} c.opened_on LIKE '2025-%'"),
    ("How often do we turn stolen goods down?", "claims_opened", {"peril": "theft", "status": "declined"}, 5,
     f"SELECT count(*) {CLAIMS} c.peril = 'theft' AND c.status = 'declined'"),
    ("How angry were owners of wet floors in March?", "complaints", {"peril": "water_damage", **MARCH}, 12,
     f"SELECT count(*) {ABOUT} {WATER} n.noted_on LIKE '2026-03-%'"),
    ("Same for February, please", "complaints", {"peril": "water_damage", **FEBRUARY}, 6,
     f"SELECT count(*) {ABOUT} {WATER} n.noted_on LIKE '2026-02-%'"),
    ("All grievances of this year so far", "complaints", {"since": "2026-01-01"}, 42,
     f"SELECT count(*) {NOTES} n.kind = 'complaint' AND n.noted_on LIKE '2026-%'"),
    ("How slow is Trocknung Elbe?", "days_to_decision", {"peril": "water_damage", "by": "vendor"}, 78.9,
     f"{DAYS} {BILLED} i.vendor = 'Trocknung Elbe'"),
    ("How long did people with leaks wait, if we decided in April?", "days_to_decision",
     {"peril": "water_damage", "since": "2026-04-01", "until": "2026-04-30"}, 47.4,
     f"{DAYS} {CLAIMS} {WATER} c.settled_on LIKE '2026-04-%'"),
    ("And how long does anybody wait?", "days_to_decision", {}, 20.4,
     f"{DAYS} {CLAIMS} c.settled_on IS NOT NULL"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "quantity", "args", "stored", "query"), STORED)
async def test_ten_wordings_over_three_measures_end_in_the_stored_numbers(
    desk, words, quantity, args, stored, query
):
    """The report's number is checked against the result, so a wrong result couldn't end like this."""
    assert sql(query) == stored, "the stored answers are those of plain SQL"
    scripted(plan(measure("s1", quantity, **args)), found((f"It is {stored}.", ["s1"])))

    run = await desk.ask(words)

    assert run.outcome["status"] == "completed"
    assert run.outcome["answer"].startswith(f"It is {stored}. [s1]")
    (evidence,) = run.outcome["evidence"]
    assert f"{stored}" in evidence["quote"]
    assert evidence["source"].startswith(f"s1: {quantity.replace('_', ' ')}")


SEARCHED = call("search_wording", question="How soon must a claim be decided?")
WHY = "Why did complaints about water damage claims double in March?"
FIRST = [
    measure("s1", "complaints", by="month", peril="water_damage", since="2026-01-01"),
    measure("s2", "complaints", by="vendor", peril="water_damage", **MARCH),
    measure("s3", "days_to_decision", ["s2"], by="vendor", peril="water_damage", since="2026-01-01"),
    {"id": "s4", "worker": "documents", "task": "How soon must a claim be decided?", "required": False},
]
REASON = [
    ("Complaints rose from 6 in February to 12 in March 2026, 100 % more.", ["s1"]),
    ("10 of the 12 are about claims that Trocknung Elbe billed.", ["s2"]),
    ("Those took 78.9 days to decide, Rohrdienst Nord's 12.9.", ["s3"]),
]


async def test_why_complaints_doubled_with_numbers_plot_and_steps_side_by_side(desk, tmp_path):
    passages = call("Passages", answer="After 60 days it is closed.", sources=["claims-procedure § 5.2"])
    model = ScriptedChatModel(
        scripts={
            LEAD: [plan(*FIRST, guessed=["decisions took longer"]), found(*REASON)],
            "What our wordings": [SEARCHED, passages],
        }
    )
    use_model(model)

    run = await desk.ask(WHY)

    assert run.outcome["status"] == "completed"
    assert model.calls == 4, "the plan, two for a document, one judgement; lookups ask no model"
    assert [line.split("[")[-1] for line in run.outcome["answer"].splitlines()[:3]] == ["s1]", "s2]", "s3]"]
    plot = Path(run.outcome["result"]["plot"])
    assert plot == Settings.from_env().home / "reports" / f"{run.run.id}.svg"
    shown = {node.text for node in ET.parse(plot).iter() if node.tag.endswith("text")}
    assert {"2026-03", "Trocknung Elbe"} <= shown
    assigned = [e for e in run.entries("cleared") if e["action"] == "route"]
    assert len(assigned) == 4, "each assignment is cleared in the lead's name"


@pytest.mark.parametrize(
    "wrong",
    [
        "Complaints rose to 13 in March.",
        "Complaints fell to 4 in April.",
        "Most came in 2026-09: 12.",
        "They rose by 90 %.",
        "It took 12.4 days.",
        "1,200 complaints came in.",
    ],
)
async def test_a_number_that_no_result_bears_is_told_and_then_a_person_has_to(desk, wrong):
    model = scripted(plan(FIRST[0]), *[found((wrong, ["s1"]))] * 9)

    run = await desk.ask(WHY)

    assert run.outcome["status"] == "escalated"
    assert model.calls == 3, "the plan, and two tries"
    assert wrong.split()[-1] not in run.outcome["answer"]
    assert "2026-03 12" in run.outcome["answer"], "what was measured is handed over"


async def test_a_number_of_another_result_than_the_cited_one_does_not_count(desk):
    scripted(plan(*FIRST[:2]), *[found(("10 complaints are about one vendor.", ["s1"]))] * 9)

    run = await desk.ask(WHY)

    assert run.outcome["status"] == "escalated"


async def test_a_number_that_the_passages_lack_is_no_answer_of_the_documents_worker(desk):
    """Of a real model: it repeated the sum of another step, with passages that name no sum."""
    said = call("Passages", answer="We paid 10,158.10 EUR.", sources=["claims-procedure § 5.2"])
    planned, cited = plan(FIRST[3] | {"required": True}), found(("We paid 10,158.10 EUR.", ["s4"]))
    scripts = {LEAD: [planned, *[cited] * 9], "What our wordings": [SEARCHED, *[said] * 9]}
    use_model(ScriptedChatModel(scripts=scripts))

    run = await desk.ask(WHY)

    assert run.outcome["status"] == "escalated"
    assert "10,158.10" not in run.outcome["answer"]
    assert "10,158.1 is not found in the passages" in " ".join(run.outcome["undone"])
    noted = [entry["body"]["agent"] for entry in run.entries("invalid_output")]
    assert noted.count("documents") == 2, "an answer and one repair"


async def test_a_number_that_the_passages_have_is_taken_after_a_repair(desk):
    said = [call("Passages", answer=f"{n} days.", sources=["claims-procedure § 5.2"]) for n in (99, 60)]
    scripts = {LEAD: [plan(FIRST[3] | {"required": True}), found(("It is closed after 60 days.", ["s4"]))]}
    use_model(ScriptedChatModel(scripts=scripts | {"What our wordings": [SEARCHED, *said]}))

    run = await desk.ask(WHY)

    assert run.outcome["answer"].startswith("It is closed after 60 days. [s4]")


OFFLINE = {
    "How many water damage claims were opened in each month of 2026?": "2026-03 18",
    "How many complaints about water damage claims were there in March 2026?": "= 12",
    "What was the average number of days to decision by vendor for water damage claims?": "Elbe 78.9",
    "How many claims were opened in 2025?": "= 32",
}
UNSEEN = {
    "How many glass claims were reported in 2025, month by month?": "all 3",
    "What did we pay out in total for collision claims in 2025?": "= 5,154.70",
    "How many complaints came in from France in 2026?": "= ",
    "Did the number of vet claims go up after April 2026?": "",
    "On average, how many days did it take to decide water damage claims decided in April 2026?": "47.4",
}
"""Written before the reading was tuned, and never tuned for; the number is the right one."""


@pytest.mark.parametrize(("words", "number"), OFFLINE.items())
async def test_offline_a_plain_question_ends_in_the_right_number(desk, words, number):
    run = await desk.ask(words)

    assert run.outcome["status"] == "completed"
    assert number in run.outcome["answer"]
    assert run.outcome["usage"]["model_calls"] == 1


@pytest.mark.parametrize(("words", "number"), UNSEEN.items())
async def test_offline_an_unseen_question_ends_in_the_right_number_or_with_a_person(desk, words, number):
    run = await desk.ask(words)

    if run.outcome["status"] == "completed":
        assert number
        assert number in run.outcome["answer"]
    else:
        assert run.outcome["status"] == "escalated"
        assert "needs a language model" in " ".join(run.outcome["reasons"])
        assert run.outcome["answer"] == ""


@pytest.mark.parametrize(
    "words", [WHY, "Which vendor is the slowest?", "How many claims were not opened in 2026?"]
)
async def test_offline_what_takes_judgement_needs_a_language_model(desk, words):
    run = await desk.ask(words)

    assert run.outcome["status"] == "escalated"
    assert "needs a language model" in " ".join(run.outcome["reasons"])
    assert run.entries("approval_requested") == [], "nobody is asked to review what there isn't"


async def test_a_question_that_code_and_model_read_differently_goes_to_the_planner(desk):
    other = call("Asked", quantity="complaints", since="2025-01-01", until="2025-12-31")
    planned = [plan(measure("s1", "claims_opened", since="2025-01-01", until="2025-12-31"))]
    planned.append(found(("There were 32.", ["s1"])))
    model = ScriptedChatModel(scripts={"Say which number": [other], LEAD: planned})
    use_model(model)

    run = await desk.ask("How many claims were opened in 2025?")

    assert run.outcome["answer"].startswith("There were 32. [s1]")
    assert model.calls == 3


async def test_offline_a_constraint_sends_even_a_plain_question_to_the_planner(desk):
    await desk.start("How many claims were opened in 2025?")
    await desk.answer("edit", constraint="only those above 1000 EUR")

    assert desk.outcome["status"] == "escalated"
    assert [e["action"] for e in desk.entries("cleared") if e["seam"] == "tool"] == []


async def test_a_tenant_for_which_it_is_off_is_told_so_and_nothing_starts(desk):
    with pytest.raises(Denied, match="off for this tenant"):
        await desk.start("How many claims were opened in 2025?", user=MIA)

    assert await control().runs(tenant="lakeside") == []


async def test_one_tenants_numbers_are_no_others(desk):
    """Lakeside has four of these claims in March; the manager can't ask for them."""
    scripted(plan(measure("s1", "claims_opened", by="month", tenant="lakeside")), *[plan()] * 9)

    run = await desk.ask(WHY)

    assert run.outcome["status"] == "escalated"
    assert [e["action"] for e in run.entries("cleared") if e["seam"] == "tool"] == []


async def test_an_edited_plan_is_judged_by_a_model_though_the_question_was_plain(desk):
    """A person changed what is measured, so its number is no longer the answer by itself."""
    await desk.start("How many claims were opened in 2025?")
    steps = [measure("s1", "claims_opened", since="2024-01-01")]
    await desk.answer("edit", values=json.dumps(steps))

    assert desk.outcome["status"] == "escalated"
    assert "claims opened (since 2024-01-01)" in desk.outcome["answer"]
