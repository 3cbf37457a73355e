"""Scenarios 11 to 16: nothing is spent beyond its budget, whoever spends, and people's time costs nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from governance.contract import Contract
from governance.control import ControlPlane, use_control
from governance.errors import BudgetExhausted, ControlUnavailable
from governance.limits import Budget, Limits, Times
from governance.principals import Actor
from governance.settings import Settings
from governance.store import ControlStore
from governance.vault import Vault
from graphs.single import single
from models import governed
from models.door import Choice
from tests.scenarios.conftest import ANN, LENA, Office, Run, calls, says
from tests.second import office
from tests.second.office import CASHIER, agent

CHILDREN = [agent(f"child_{n}", "cashier") for n in range(6)]


async def ask_all(desk: Office) -> list[Any]:
    run = await desk.plane.open_run(graph="single", user=ANN, contract=Contract(), input={})
    asks = (
        governed.ask("worker", [says("?")], actor=Actor(child.identity, run, child.name), sequence=1)
        for child in CHILDREN
    )
    return await asyncio.gather(*asks, return_exceptions=True)


@pytest.mark.scenario(11)
@pytest.mark.parametrize("limits", [{"run": Budget(model_calls=3), "agent": Budget()}], indirect=True)
async def test_six_children_at_once_make_three_calls(desk):
    desk.script(*[says("yes")] * 6)

    answers = await ask_all(desk)

    assert desk.model.calls == 3
    refused = [answer for answer in answers if isinstance(answer, BudgetExhausted)]
    assert [(each.unit, each.limit) for each in refused] == [("model_calls", 3)] * 3


@pytest.mark.scenario(15)
@pytest.mark.parametrize(
    "limits", [{"run": Budget(model_calls=0)}, {"tenant": Budget(tokens=0)}], indirect=True
)
async def test_a_budget_of_nothing_makes_no_call(desk):
    graph = single(CASHIER).compile(name="single", checkpointer=desk.saver)
    run = await desk.start(graph)
    assert run.outcome["status"] == "budget_exhausted"
    assert desk.model.calls == 0


@pytest.mark.scenario(15)
async def test_a_budget_that_cannot_be_read_makes_no_call(desk, monkeypatch):
    def unreadable(*_: Any) -> None:
        msg = "disk I/O error"
        raise OSError(msg)

    monkeypatch.setattr("governance.budget._add", unreadable)
    answers = await ask_all(desk)
    assert {type(answer) for answer in answers} == {ControlUnavailable}
    assert desk.model.calls == 0


@pytest.fixture
def asked(desk: Office, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which model answered, in order; each role has one of its name."""
    named: list[str] = []

    async def answer(choice: Choice, messages: Any, tools: Any, *, must_call: bool) -> Any:
        named.append(choice.model)
        return await desk.model.ainvoke(list(messages))

    monkeypatch.setattr(governed, "_call", answer)
    monkeypatch.setattr(governed, "choices", lambda role: (Choice("offline", role, remote=False),))
    return named


@pytest.mark.scenario(13)
@pytest.mark.parametrize(
    "limits",
    [{"run": Budget(model_calls=5), "agent": Budget(), "degrade": {"worker": "cheap"}}],
    indirect=True,
)
async def test_at_80_percent_the_cheaper_model_answers_and_at_100_it_stops_with_what_there_is(desk, asked):
    orders = ("T-001", "T-002", "T-001", "T-002", "T-003", "T-003")
    desk.script(*[calls("find_order", order_id=order) for order in orders])
    graph = single(CASHIER).compile(name="single", checkpointer=desk.saver)

    run = await desk.start(graph)

    assert asked == ["worker"] * 4 + ["cheap"]
    assert run.outcome["status"] == "budget_exhausted"
    assert "model_calls" in str(run.outcome["reasons"])
    (entry,) = run.entries("degraded")
    assert entry["body"]["percent"] == 80
    models = [e["model"] for e in run.entries("cleared") if e.get("model")]
    assert models == asked


class Clock:
    """Time that stands still until it is moved."""

    now = datetime(2026, 11, 21, 9, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clocked(desk: Office, policy: Any, limits: Limits) -> Iterator[Clock]:
    """The office under a clock of its own."""
    clock, settings = Clock(), Settings.from_env()
    store = ControlStore(settings.url("control"))
    timed = replace(limits, times=Times(run_seconds=60, service_hours=1))
    desk.plane = ControlPlane(settings, store, policy, timed, Vault(settings, store), clock)
    use_control(desk.plane)
    yield clock
    desk.plane.close()


async def waiting(desk: Office) -> Run:
    """A run that waits for a yes to a large refund."""
    graph = single(CASHIER).compile(name="single", checkpointer=desk.saver)
    token = await desk.plane.vault.token("harbor", "iban", office.IBANS["ann"])
    desk.script(calls("refund", order_id="T-002", amount=90_000, iban=token), says("refunded"))
    return await desk.start(graph, "Refund T-002")


async def yes(desk: Office, run: Run) -> None:
    await desk.plane.decide(LENA, {"approval_id": run.waiting[0]["approval_id"], "type": "approve"})
    await run.resume()


@pytest.mark.scenario(14)
async def test_two_hours_of_a_person_are_no_run_time_and_miss_the_service_level(desk, clocked):
    run = await waiting(desk)
    clocked.now += timedelta(hours=2)
    await yes(desk, run)
    assert run.outcome["status"] == "completed"
    usage = run.outcome["usage"]
    assert (usage["seconds"], usage["waited_seconds"], usage["late"]) == (0, 7200, True)
    assert len(desk.refunds()) == 1


@pytest.mark.scenario(14)
async def test_an_hour_at_work_is_too_much(desk, clocked):
    run = await waiting(desk)
    await desk.plane.decide(LENA, {"approval_id": run.waiting[0]["approval_id"], "type": "approve"})
    clear = type(desk.plane).clear

    async def slowly(plane: ControlPlane, act: Any) -> Any:
        clocked.now += timedelta(seconds=70)
        return await clear(plane, act)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(desk.plane), "clear", slowly)
        await run.resume()
    assert run.outcome["status"] == "budget_exhausted"
    assert "seconds" in str(run.outcome["reasons"])


@pytest.mark.scenario(16)
async def test_ten_interrupts_reset_no_counter(desk):
    run = await waiting(desk)
    before = await desk.plane.usage(run.id)
    for _ in range(10):
        await run.resume()
    after = await desk.plane.usage(run.id)
    counted = ("model_calls", "tool_calls", "tokens", "micros")
    assert [after[unit] for unit in counted] == [before[unit] for unit in counted]
    assert (after["model_calls"], desk.model.calls) == (1, 1)

    await yes(desk, run)
    assert run.outcome["usage"]["model_calls"] == desk.model.calls == 2


@pytest.mark.scenario(16)
@pytest.mark.parametrize("limits", [{"run": Budget(model_calls=3), "agent": Budget()}], indirect=True)
async def test_retries_and_stand_ins_count(desk, asked, monkeypatch):
    tried: list[str] = []

    async def down(choice: Choice, *_: Any, **__: Any) -> Any:
        tried.append(choice.model)
        raise ConnectionError(choice.model)

    monkeypatch.setattr(governed, "_call", down)
    both = (Choice("openai", "big", remote=False), Choice("openai", "small", remote=False))
    monkeypatch.setattr(governed, "choices", lambda _role: both)
    graph = single(CASHIER).compile(name="single", checkpointer=desk.saver)

    run = await desk.start(graph)

    assert tried == ["big", "big", "small"]
    assert run.outcome["status"] == "budget_exhausted"
