"""Scenario 21: a further request goes to who answered the last one, or to the first; also after a restart."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from governance.errors import InvalidInput
from governance.settings import Settings
from graphs.handoff import handoff
from memory.checkpoints import open_checkpointer
from nodes.admission import Request
from nodes.place import RUN_KEY
from tests.scenarios.conftest import ANN, LENA, Office, Run, calls, says
from tests.second.office import ADMISSION, A, B, C

EDGES = {"a": ["b"], "b": ["a", "c"], "c": ["a"]}
DOOR = replace(ADMISSION, conversations=frozenset({"handoff"}))


@asynccontextmanager
async def restarted(*, back: bool) -> AsyncIterator[Any]:
    """The graph as a process of its own would have it: nothing is kept but what is on disk."""
    async with open_checkpointer(Settings.from_env().url("checkpoints")) as saver:
        built = handoff([A, B, C], edges=EDGES, return_to_previous=back)
        yield built.compile(name="handoff", checkpointer=saver)


async def ask(desk: Office, text: str, thread: str, *, back: bool, door: Any = DOOR, **more: Any) -> Run:
    async with restarted(back=back) as graph:
        admitted = await door.admit(more.get("user", ANN), "handoff", Request(text, customer="ann"), thread)
        config = {"configurable": {"thread_id": thread, RUN_KEY: admitted.run.id}}
        return await Run(desk, graph, config, admitted.run.id).go(admitted.input)


@pytest.mark.scenario(21)
@pytest.mark.parametrize(("back", "who"), [(True, "Job of b."), (False, "Job of a.")])
async def test_the_right_agent_answers_and_the_history_is_there_once(desk, back, who):
    thread = uuid4().hex
    desk.script(calls("transfer_to_b"), calls("find_order", order_id="T-001"), says("40.00"), says("in May"))

    first = await ask(desk, "What did T-001 cost?", thread, back=back)
    second = await ask(desk, "And when was it?", thread, back=back)

    assert first.outcome["answer"] == "40.00"
    assert second.outcome["answer"] == "in May"
    assert desk.model.calls == 4
    prompt = desk.model.prompts[-1]
    assert who in prompt.messages[0].text
    assert sum("What did T-001 cost?" in message.text for message in prompt.messages) == 1
    assert sum("40.00" in message.text for message in prompt.messages) == 1, (
        "what was delivered isn't said twice"
    )
    ids = [message.id for message in second.state["messages"]]
    assert len(ids) == len(set(ids))


@pytest.mark.scenario(21)
async def test_what_the_first_request_came_to_does_not_weigh_on_the_second(desk):
    thread = uuid4().hex
    desk.script(
        calls("transfer_to_b"), calls("transfer_to_c"), calls("transfer_to_a"),
        says("It is closed."),
    )  # fmt: skip

    first = await ask(desk, "What did T-001 cost?", thread, back=True)
    second = await ask(desk, "Is it open?", thread, back=True)

    assert first.outcome["status"] == "loop_detected"
    assert second.outcome["status"] == "completed"
    assert "Job of c." in desk.model.prompts[-1].text
    assert second.outcome["reasons"] == []
    assert {record.outcome["status"] for record in await desk.plane.runs()} == {"loop_detected", "completed"}


@pytest.mark.scenario(21)
async def test_each_request_has_a_run_a_budget_and_a_log_of_its_own(desk):
    thread = uuid4().hex
    desk.script(says("one"), says("two"))

    first = await ask(desk, "One?", thread, back=True)
    second = await ask(desk, "Two?", thread, back=True)

    assert first.id != second.id
    assert [run.outcome["usage"]["model_calls"] for run in (first, second)] == [1, 1]


@pytest.mark.scenario(21)
async def test_a_thread_is_no_way_into_somebody_elses_conversation(desk):
    thread = uuid4().hex
    desk.script(says("one"))
    await ask(desk, "One?", thread, back=True)

    lena = replace(LENA, roles=LENA.roles | {"customer-agent"})
    with pytest.raises(InvalidInput, match="another person's"):
        await ask(desk, "Two?", thread, back=True, user=lena)
    with pytest.raises(InvalidInput, match="another person's"):
        await DOOR.admit(ANN, "handoff", Request("Two?", customer="bob"), thread)
    with pytest.raises(InvalidInput, match="has a run already"):
        await ask(desk, "Two?", thread, back=True, door=ADMISSION)


@pytest.mark.scenario(21)
async def test_a_request_that_waits_is_not_overtaken(desk):
    thread = uuid4().hex
    desk.script(says(""), says(""), says(""))
    waiting = await ask(desk, "One?", thread, back=True)
    assert waiting.waiting

    with pytest.raises(InvalidInput, match="isn't over"):
        await ask(desk, "Two?", thread, back=True)
