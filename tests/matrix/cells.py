"""Cells: what each control must do for any crew, judged by the ledger, the provider and the log."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from langchain_core.messages import BaseMessage, ToolMessage
from langgraph.errors import GraphDrained

from governance.errors import ModelUnavailable
from governance.limits import Budget, Timeouts
from governance.verify import verify
from graphs.direct import direct
from models.scripted import Delayed, Reply, call
from tests.matrix.crews import VOTING, Advice, Crew, Handbook, Line, Lines, look, pay
from tests.matrix.world import Crash, World
from tests.scenarios.conftest import calls, says
from tests.second import office
from tests.second.assessors import opines

Cell = Callable[[World, Crew], Awaitable[None]]
SMALL, LARGE, OF_ANOTHER = ("T-001", 4_000), ("T-002", 90_000), ("T-003", 2_500)
ENDS_BADLY = {"denied", "rejected", "escalated", "failed", "partial", "waiting"}


def acts(crew: Crew) -> bool:
    """Whether the crew calls tools; `direct` only reads and answers."""
    return crew.name != "direct"


async def happy(world: World, crew: Crew, order: tuple[str, int] = SMALL) -> None:
    """Everybody does their work; where the crew has tools, one order is refunded."""
    world.script(crew.scripts(*((look(order[0]), pay(*order)) if acts(crew) else ())))
    await world.start(crew)


async def policy(world: World, crew: Crew) -> None:
    """What policy doesn't permit isn't done, whoever proposes it, and the end says so."""
    if acts(crew):
        world.script(crew.scripts(look(), pay(*OF_ANOTHER)))
        await world.start(crew)
        assert world.rows() == []
    else:
        crew = unread(crew)
        await happy(world, crew)
        assert world.model.calls == 0
    assert world.entries("refused")
    assert world.status in ENDS_BADLY


def unread(crew: Crew) -> Crew:
    """The same crew, in the name of somebody who may not read."""
    stranger = office.agent("acts", "reader", returns=Advice)
    return replace(crew, build=lambda: direct(stranger, retriever=Handbook(), least=0.5))


async def approval(world: World, crew: Crew) -> None:
    """What needs a person's yes waits for it, and is then done once."""
    await happy(world, crew, LARGE)
    assert (world.status, world.rows()) == ("waiting", [])

    await world.answer("approve")

    assert [row[:2] for row in world.rows()] == [LARGE]
    assert (world.status, world.effects) == ("completed", 1)


async def budget(world: World, crew: Crew) -> None:
    """Nothing is asked of a provider beyond the budget, and the end says why."""
    world.limit(run=Budget(model_calls=0))
    await happy(world, crew)

    assert (world.model.calls, world.effects) == (0, 0)
    assert world.status == "budget_exhausted"


async def loop(world: World, crew: Crew) -> None:
    """An agent that does the same for ever is stopped, and not by luck or by the budget."""
    world.limit(run=Budget(), agent=Budget())
    scripts = crew.scripts()
    scripts["Job of acts."] = Lines([look()])
    world.script(scripts)
    await world.start(crew)

    assert world.model.calls < 20
    assert world.status in {"loop_detected", "limit_reached", *ENDS_BADLY}
    assert "times" in said(world), "it is named as a repeat"


async def invalid(world: World, crew: Crew) -> None:
    """A result that never becomes valid never reads as an answer."""
    world.script(never_valid(crew))
    await world.start(crew)

    assert world.entries("invalid_output")
    assert world.model.calls < 20
    assert world.status in ENDS_BADLY


def never_valid(crew: Crew) -> dict[str, Any]:
    """What everybody says, where the acting agent gives no valid result."""
    typed = crew.ends.tool_calls
    given = typed[0]["args"] if typed else {}
    wrong = given | {"confidence": 900} if "confidence" in given else {}
    return crew.scripts(ends=calls(typed[0]["name"], **wrong) if typed else says(""))


async def tool_failure(world: World, crew: Crew) -> None:
    """A tool that fails is told apart from one that worked: to the agent, in the log, in the outcome."""

    async def breaks() -> None:
        msg = "the ledger is locked"
        raise OSError(msg)

    world.before_effect = breaks
    await happy(world, crew)

    assert world.rows() == []
    assert world.entries("failed", "unknown")
    assert "the ledger is locked" in str(world.entries("failed", "unknown"))
    assert world.status in ENDS_BADLY


SLOW = 0.4
"""Seconds that something takes which has 0.1: its time is up first, however busy the machine."""


async def tool_timeout(world: World, crew: Crew) -> None:
    """A tool that hangs is given up after its time."""
    world.limit(timeouts=Timeouts(model=60, tool=0.1))

    async def hangs() -> None:
        await asyncio.sleep(SLOW)

    world.before_effect = hangs
    await happy(world, crew)

    assert (world.rows(), world.effects) == ([], 0)
    assert "TimeoutError" in str(world.entries("failed", "unknown"))
    assert world.status in ENDS_BADLY


async def model_timeout(world: World, crew: Crew) -> None:
    """A model that hangs is given up after its time, and nobody is asked to decide the case for it.

    The run stops and says why; when the model answers again, it goes on, and pays and acts once.
    """
    world.limit(timeouts=Timeouts(model=0.1, tool=60))
    scripts, hangs = crew.scripts(), asyncio.Event()
    says_what = by_what_was_done(*((look(), pay(*SMALL)) if acts(crew) else ()), crew.ends)
    scripts["Job of acts."] = lambda m: Delayed(SLOW, says_what(m)) if hangs.is_set() else says_what(m)
    world.script(scripts)
    hangs.set()
    with suppress(ModelUnavailable):
        await world.start(crew)

    assert (world.state, world.rows(), world.effects) == ({}, [], 0)
    given_up = [entry for entry in world.entries("failed") if "TimeoutError" in str(entry)]
    assert {entry["action"] for entry in given_up} == {"call_model"}
    assert "TimeoutError" in str(world.entries("model_unavailable"))
    assert world.entries("approval_requested") == []
    hangs.clear()

    await world.go()

    assert (world.status, world.effects) == ("completed", 1 if acts(crew) else 0)
    assert world.model.calls == len(_answered(world, "call_model")) + len(given_up)


async def crash(world: World, crew: Crew) -> None:
    """After a crash no effect is repeated, and no answer that was received is paid again."""
    world.dies_after("refund" if acts(crew) else "call_model")
    scripts = crew.scripts()
    # Who is asked the same again says the same again, so that a forgotten refund would be paid twice.
    scripts["Job of acts."] = by_what_was_done(*((look(), pay(*SMALL)) if acts(crew) else ()), crew.ends)
    world.script(scripts)
    with suppress(Crash):
        await world.start(crew)
    assert not world.state
    world.restart()

    await world.go()

    assert world.effects == (1 if acts(crew) else 0), "done again"
    assert world.model.calls == len(_answered(world, "call_model")), "asked again"
    assert world.status == "completed"


def by_what_was_done(*lines: Line) -> Callable[[Sequence[BaseMessage]], Reply]:
    """A script that goes by how many tool calls have been answered, and not by how often it was asked."""

    def say(messages: Sequence[BaseMessage]) -> Reply:
        line = lines[min(sum(isinstance(message, ToolMessage) for message in messages), len(lines) - 1)]
        return line(messages) if callable(line) else line

    return say


async def dissent(world: World, crew: Crew) -> None:
    """Who disagrees is heard in the outcome, also where a pattern among the crew's members votes."""
    crew = VOTING.get(crew.name, crew)
    scripts = crew.scripts(look(), pay(*SMALL))
    if crew.name == "group_chat":
        finding = {"id": "tone", "severity": "minor", "what": "it is curt", "where": "text"}
        scripts["Job of law."] = Lines([call("Review", verdict="satisfied", findings=[finding], resolved=[])])
    else:
        scripts["Job of money."] = Lines([opines("refuse", why="it was paid before")])
    world.script(scripts)
    await world.start(crew)

    assert world.status == "completed"
    assert world.state["outcome"]["dissent"]
    if "Job of money." in scripts:
        (noted,) = world.entries("dissent")
        assert "it was paid before" in str(noted)


async def audit(world: World, crew: Crew) -> None:
    """Each call and each effect was cleared before it and settled after it, in a log that is whole."""
    await happy(world, crew)

    cleared, settled = world.entries("cleared"), world.entries("settled")
    asked = [entry for entry in cleared if entry["action"] == "call_model"]
    assert len(asked) == world.model.calls > 0
    assert len([entry for entry in cleared if entry["action"] == "refund"]) == world.effects
    assert {entry["key"] for entry in cleared} == {entry["key"] for entry in settled}
    assert len(world.entries("run_opened")) == len(world.entries("run_ended")) == 1
    assert (await asyncio.to_thread(verify, world.plane.audit)).whole


async def personal_data(world: World, crew: Crew) -> None:
    """Personal values are tokens everywhere but in the tool that is cleared for them."""
    await happy(world, crew)

    stores = world.stores()
    assert [value for value in (office.IBANS["ann"], office.MAIL["ann"]) if value.encode() in stores] == []
    assert world.status == "completed"
    assert [row[2] for row in world.rows()] == ([office.IBANS["ann"]] if acts(crew) else [])


async def cancellation(world: World, crew: Crew) -> None:
    """Cancelling a run never cancels an effect that has begun, and it goes on from there."""
    if not acts(crew):
        await cancelled_while_a_model_is_asked(world, crew)
        return
    begun = asyncio.Event()

    async def slow() -> None:
        begun.set()
        await asyncio.sleep(0.2)

    world.before_effect = slow
    running = asyncio.create_task(happy(world, crew))
    await begun.wait()
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    world.before_effect = None
    await asyncio.sleep(0.4)
    assert world.effects == 1

    await world.go()

    assert (world.status, world.effects) == ("completed", 1)


async def cancelled_while_a_model_is_asked(world: World, crew: Crew) -> None:
    """That the provider was asked is written down before the run ends, so it is paid; then it goes on."""
    asked = asyncio.Event()

    def hangs(_: Sequence[BaseMessage]) -> Reply:
        asked.set()
        return Delayed(60, crew.ends)

    world.script({"Job of acts.": Lines([hangs, crew.ends])})
    running = asyncio.create_task(world.start(crew))
    await asked.wait()
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    assert [entry["action"] for entry in world.entries("failed")] == ["call_model"]

    await world.go()

    assert world.status == "completed"
    assert world.state["outcome"]["usage"]["model_calls"] == world.model.calls == 2


async def drain(world: World, crew: Crew) -> None:
    """A process that is to end does so between two steps, and another goes on as if nothing had been."""
    lines = (look(), pay(*SMALL)) if acts(crew) else (crew.ends,)
    scripts = crew.scripts(lambda messages: _told_to_end(world, lines[0], messages), *lines[1:])
    world.script(scripts)
    with suppress(GraphDrained):
        await world.start(crew)
    assert not world.state, "it ends before the run does"
    assert world.effects == (1 if acts(crew) else 0), "what a step has begun it ends"
    assert {entry["key"] for entry in world.entries("cleared")} == _answered(world)
    assert world.entries("run_ended") == []
    world.restart()

    await world.go()

    assert (world.status, world.effects) == ("completed", 1 if acts(crew) else 0)
    assert world.model.calls == len(_answered(world, "call_model"))


def _told_to_end(world: World, line: Line, messages: Sequence[BaseMessage]) -> Reply:
    world.drain.request_drain("SIGTERM")
    return line(messages) if callable(line) else line


def _answered(world: World, action: str = "") -> set[str]:
    """Keys of the acts that have a result."""
    return {entry["key"] for entry in world.entries("settled") if action in ("", entry["action"])}


def said(world: World) -> str:
    """All reasons, of the outcome or of the question to a person."""
    return str(world.waiting or world.state["outcome"]["reasons"])
