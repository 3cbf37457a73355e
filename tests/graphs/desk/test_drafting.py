"""Letter drafting on the desk's own records, with the offline model and with a scripted one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Self

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from governance.acts import Effect
from governance.control import control, use_control
from governance.principals import Actor
from governance.settings import Settings
from graphs.domain import domain
from models.door import use_model
from models.scripted import ScriptedChatModel, call
from nodes.desk.drafting import LETTER_COMPLIANCE, TONE, WRITER
from tests.graphs.desk.legs import Legs
from tools.desk.claims import get_claim
from tools.desk.drafting import check_letter
from tools.desk.letters import send_letter
from tools.gateway import act_for

DECLINED, HERS = "CL-400012", "C-10023"
REASON = "The papers that we asked for were not sent."
KIND = "If you send us the papers, we will look at your claim again."


class Drafting(Legs):
    graph_name = "group_chat"

    async def start(self, words: str, customer: str | None = HERS, **more: Any) -> Self:
        return await super().start(words, customer, **more)

    def called(self) -> list[tuple[str, str]]:
        entries = self.entries("cleared")
        return [(e["actor"], e["action"]) for e in entries if e["action"] in ("get_claim", "check_letter")]


@pytest.fixture
async def desk() -> AsyncIterator[Drafting]:
    await domain().prepare()
    yield Drafting()
    use_model(None)
    control().close()
    use_control(None)


def letters() -> int:
    with create_engine(Settings.from_env().url("desk"), poolclass=NullPool).connect() as db:
        return int(db.execute(text("SELECT count(*) FROM desk_letters")).scalar_one())


async def test_a_promise_is_found_taken_out_and_the_letter_accepted(desk):
    sent = letters()

    run = await desk.start(
        f"Write to the customer about claim {DECLINED}. We are sorry about the fire in your home. "
        f"We guarantee that we will pay the full 5,569.10 EUR. {KIND}"
    )

    outcome = run.outcome
    assert outcome["status"] == "completed"
    assert outcome["answer"] == f"{REASON}\n\nWe are sorry about the fire in your home. {KIND}"
    found = {f["id"]: f["state"] for f in outcome["result"]["findings"]}
    assert found == {"unkept-promise": "resolved", "third-person": "resolved"}
    assert outcome["result"]["drafts"] == 2
    assert outcome["usage"]["model_calls"] <= 10
    assert run.called().count(("letter_compliance", "check_letter")) == 2
    assert letters() == sent, "a draft is not sent"


async def test_what_no_sentence_is_left_of_goes_to_a_person(desk):
    run = await desk.start(f"Write to the customer about claim {DECLINED} that the decision is final.")

    asked = str(run.state["__interrupt__"][0].value)
    assert "letter_compliance/no-appeal" in asked
    run = await run.answer("reject", message="call them instead")
    assert run.outcome["status"] == "loop_detected"
    assert run.outcome["result"]["status"] == "needs_revision"


async def test_what_is_no_letter_about_a_claim_needs_a_language_model(desk):
    run = await desk.start("Please write a poem about the sea.")

    assert run.outcome["status"] == "escalated"
    assert "needs a language model" in str(run.outcome["reasons"])


async def test_another_customers_claim_is_not_written_about(desk):
    run = await desk.start("Write about claim CL-400001. We are sorry about your loss.")

    assert run.outcome["status"] == "denied"
    assert run.outcome["answer"] == ""
    assert run.called() == []


async def test_a_writer_that_invents_a_reason_is_corrected_by_the_record(desk):
    """The model lies in every draft and its checkers agree with it; the rules don't."""
    lie = {"claim_id": DECLINED, "reason": "You paid too late."}
    agrees = call("LetterReview", verdict="satisfied", findings=[], resolved=["untrue-reason"])
    drafts = [call("LetterDraft", **lie, message=f"Dear reader, version {n}.") for n in range(3)]
    use_model(
        ScriptedChatModel(
            scripts={"Draft a letter": drafts, "Examine whether": [agrees] * 3, "Examine how": [agrees] * 3}
        )
    )

    run = await desk.start(f"Write to the customer about claim {DECLINED}.")

    assert "letter_compliance/untrue-reason" in str(run.state["__interrupt__"][0].value)
    run = await run.answer("reject", message="no")
    assert run.outcome["status"] == "limit_reached"
    assert run.outcome["result"]["status"] == "max_rounds"


@pytest.mark.parametrize(
    ("who", "may"), [(WRITER, {"get_claim"}), (LETTER_COMPLIANCE, {"check_letter"}), (TONE, {"check_letter"})]
)
async def test_who_writes_does_not_check_and_nobody_sends(desk, who, may):
    run = await desk.start(f"Write to the customer about claim {DECLINED}. {KIND}")
    actor = Actor(who.identity, await control().run(run.run.id), "elsewhere/0")
    args = {
        get_claim: {"claim_id": DECLINED},
        check_letter: {"claim_id": DECLINED, "area": "tone", "message": "x"},
        send_letter: {"customer_id": HERS, "template": "claim_declined", "claim_id": DECLINED},
    }

    allowed = {
        tool.name
        for tool, given in args.items()
        if control().policy.decide(await act_for(tool, given, actor, 1), approved=True).effect is Effect.ALLOW
    }
    assert allowed == may
