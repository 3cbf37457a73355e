"""What a real language model got wrong and nothing held: no answer as an answer, a misread cause."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import uuid4

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from governance.principals import User
from graphs.domain import domain
from models.door import use_model
from models.scripted import ScriptedChatModel, call
from nodes.admission import Request
from nodes.desk.checks import facts_agree
from nodes.desk.results import ClaimFacts
from nodes.place import RUN_KEY

pytestmark = pytest.mark.usefixtures("prepared")
SAM = User("sam", "harbor", frozenset({"customer-agent"}))
HORSE = "What does it cost per month to insure a horse with you?"


async def asked(**answer: Any) -> dict[str, Any]:
    said = call(
        "Answer", answer="The price is not in the passages.", sources=["liability-wording § 4.2"], **answer
    )
    use_model(ScriptedChatModel(scripts={"": [said]}))
    graph = domain().graph("direct").builder.compile(checkpointer=InMemorySaver(), name="direct")
    thread = uuid4().hex
    admitted = await domain().admission.admit(SAM, "direct", Request(HORSE), thread)
    config: Any = {"configurable": {"thread_id": thread, RUN_KEY: admitted.run.id}}
    return dict(await graph.ainvoke(admitted.input, config, durability="sync"))


async def test_what_the_passages_leave_open_goes_to_a_person_instead_of_completing():
    state = await asked(answered=False)

    assert "outcome" not in state
    assert "leave the question open" in str(state["__interrupt__"][0].value)


async def test_an_answer_that_claims_to_be_one_completes():
    assert (await asked())["outcome"]["status"] == "completed"


class _Records:
    """Answers a check's lookups with a pet policy of a customer without invoices."""

    async def __call__(self, tool: Any, **_args: Any) -> Any:
        policy = {"policy_number": "HM-200180", "customer_id": "C-10001", "product": "pet"}
        return [] if tool.name == "list_invoices" else policy | {"start": "2025-01-01"}


@pytest.mark.parametrize(("peril", "fits"), [("vet", True), ("liability", False)])
async def test_a_cause_that_the_policy_is_not_for_is_a_contradiction(peril, fits):
    facts = ClaimFacts(
        policy_number="HM-200180",
        peril=peril,
        loss_date=date(2026, 6, 4),
        amount=18_840,
        summary="The dog swallowed a sock.",
        confidence=100,
    )
    assert (not await facts_agree(facts, {}, _Records())) is fits
