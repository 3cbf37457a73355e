"""A whole claim under the manager: what the databases say afterwards, with the offline model."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from governance.control import control, use_control
from governance.principals import User
from governance.settings import Settings
from graphs.domain import Domain, domain
from nodes.admission import Request
from nodes.intake import read_document
from nodes.place import RUN_KEY

INBOX = Path(__file__).parents[3] / "examples" / "inbox"
SAM = User("sam", "harbor", frozenset({"customer-agent"}))
LENA = User("lena", "harbor", frozenset({"claims-lead"}))
PAID = "SELECT claim_id, amount FROM desk_payments"
NOTED = "SELECT customer_id, kind, text FROM desk_notes"


@pytest.fixture
async def desk() -> AsyncIterator[Domain]:
    await domain().prepare()
    yield domain()
    control().close()
    use_control(None)


def rows(query: str) -> list[tuple[Any, ...]]:
    with create_engine(Settings.from_env().url("desk"), poolclass=NullPool).connect() as db:
        return [tuple(row) for row in db.execute(text(query))]


async def send(desk: Domain, file: str, customer: str) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    """Start a run; the graph, its config and where it stands."""
    graph = desk.graph("supervisor").builder.compile(checkpointer=InMemorySaver(), name="supervisor")
    thread = uuid4().hex
    request = Request("", [await read_document(INBOX / file)], customer=customer)
    admitted = await desk.admission.admit(SAM, "supervisor", request, thread)
    config = {"configurable": {"thread_id": thread, RUN_KEY: admitted.run.id}}
    return graph, config, await graph.ainvoke(admitted.input, config)


async def test_a_plain_claim_is_paid_and_noted(desk):
    before = rows(PAID), rows(NOTED)

    _, _, ended = await send(desk, "01-plain-claim.eml", "C-10001")

    outcome = ended["outcome"]
    assert outcome["status"] == "completed", outcome
    assert outcome["usage"]["model_calls"] <= 20
    assert set(rows(PAID)) - set(before[0]) == {
        (outcome["result"]["casework"]["settlement"]["claim"], 33_600)
    }
    [(customer, kind, said)] = set(rows(NOTED)) - set(before[1])
    assert (customer, kind) == ("C-10001", "note")
    assert "paid 336.00 EUR" in said


async def test_a_large_claim_waits_three_levels_deep_and_is_paid_once(desk):
    before = rows(PAID)
    graph, config, waiting = await send(desk, "02-large-claim.pdf", "C-10002")
    [asked] = [i.value for i in waiting["__interrupt__"]]
    assert asked["path"] == "casework/0/settlement/0/review_pay_claim/0"
    assert rows(PAID) == before

    await control().decide(LENA, {"approval_id": asked["approval_id"], "type": "approve"})
    ended = await graph.ainvoke(Command(resume="woken"), config)
    again = await graph.ainvoke(Command(resume="woken"), config)

    assert ended["outcome"]["status"] == again["outcome"]["status"] == "completed"
    assert [amount for _, amount in set(rows(PAID)) - set(before)] == [294_000]


async def test_a_letter_with_orders_in_it_ends_denied_and_unpaid(desk):
    before = rows(PAID)

    _, _, ended = await send(desk, "06-hostile.eml", "C-10006")

    assert ended["outcome"]["status"] == "denied"
    assert rows(PAID) == before
