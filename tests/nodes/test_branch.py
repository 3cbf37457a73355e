"""A branch's place and its time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import nullcontext
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from nodes import branch
from nodes.branch import Absent, in_time, limit_for, place
from nodes.verdict import MOST_FINDINGS
from tests.second.assessors import Opinion

RUN: Any = SimpleNamespace(id="run-1")
AN_HOUR = timedelta(hours=1)
AT_ONCE = timedelta(microseconds=1)


class Plane:
    """What a branch asks of the control plane when it is too late."""

    limits = SimpleNamespace(timeouts=SimpleNamespace(tool=5))

    def __init__(self) -> None:
        self.notes: list[str] = []

    async def note(self, run: Any, kind: str, body: Any) -> None:
        self.notes.append(kind)


@pytest.fixture
def plane(monkeypatch: pytest.MonkeyPatch) -> Plane:
    stood_in = Plane()
    monkeypatch.setattr(branch, "control", lambda: stood_in)
    return stood_in


async def crowd(run: str, limit: int, count: int = 6) -> int:
    """How many of `count` were in their places at once."""
    now = most = 0

    async def one() -> None:
        nonlocal now, most
        async with place(run, limit):
            now += 1
            most = max(most, now)
            for _turn in range(10):
                await asyncio.sleep(0)
            now -= 1

    await asyncio.gather(*(one() for _ in range(count)))
    return most


async def test_places_are_a_runs_own_and_leave_nothing_behind():
    assert await asyncio.gather(crowd("a", 2), crowd("b", 3)) == [2, 3]
    assert branch._places == {}


def test_places_are_bound_to_no_event_loop():
    assert [asyncio.run(crowd("a", 2)) for _ in range(2)] == [2, 2]


async def test_a_branch_that_is_cancelled_gives_its_place_back():
    async def stay() -> None:
        async with place("a", 1):
            await asyncio.Event().wait()

    first, second = (asyncio.create_task(stay()) for _ in range(2))
    await asyncio.sleep(0)
    for task in (second, first):
        task.cancel()
    await asyncio.gather(first, second, return_exceptions=True)

    assert branch._places == {}
    assert await crowd("a", 1) == 1


def test_the_runs_limit_is_over_the_patterns():
    assert limit_for({}, 4) == 4
    assert limit_for({"max_concurrency": 2}, 4) == 2
    assert limit_for({"max_concurrency": 9}, 4) == 9
    assert limit_for({"max_concurrency": -1}, 4) == 1


async def test_waiting_for_a_place_takes_no_time(plane):
    """The second waits longer than its time allows, and still does its work."""
    free = asyncio.Event()

    async def hold() -> None:
        async with place("a", 1):
            await free.wait()

    holding = asyncio.create_task(hold())
    await asyncio.sleep(0)

    async def quick() -> Any:
        return {"choice": "pay"}, []

    waiting = asyncio.create_task(
        in_time(quick, place("a", 1), run=RUN, name="b", timeout=timedelta(seconds=0.2))
    )
    await asyncio.sleep(0.3)
    free.set()

    assert await waiting == ({"choice": "pay"}, [])
    await holding


def never(ended: list[str]) -> Callable[[], Any]:
    async def look() -> Any:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("ended")

    return look


async def test_what_is_too_late_is_cancelled(plane):
    ended: list[str] = []

    with pytest.raises(Absent, match="no verdict within") as absent:
        await in_time(never(ended), nullcontext(), run=RUN, name="b", timeout=AT_ONCE)

    assert absent.value.error == "TimeoutError"
    assert ended == ["ended"]
    assert plane.notes == []


async def test_what_cannot_be_cancelled_holds_nobody_up(plane, monkeypatch):
    monkeypatch.setattr(Plane.limits.timeouts, "tool", 0.05)
    free = asyncio.Event()

    async def stubborn() -> Any:
        while not free.is_set():
            try:
                await free.wait()
            except asyncio.CancelledError:
                continue
        return {"choice": "pay"}, []

    with pytest.raises(Absent):
        await in_time(stubborn, nullcontext(), run=RUN, name="b", timeout=AT_ONCE)
    free.set()
    await asyncio.gather(*branch._overdue)

    assert plane.notes == ["late_result"]


async def test_who_is_cancelled_from_outside_ends_its_work(plane):
    ended: list[str] = []
    task = asyncio.create_task(in_time(never(ended), nullcontext(), run=RUN, name="b", timeout=AN_HOUR))
    for _turn in range(3):
        await asyncio.sleep(0)

    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    for _turn in range(3):
        await asyncio.sleep(0)

    assert task.cancelled()
    assert ended == ["ended"]


def outcome(status: str, **result: Any) -> Any:
    return {
        "status": status,
        "reasons": ["why not"],
        "evidence": [{"source": "record", "quote": f"line {number}"} for number in range(20)],
        "result": {"choice": "refund", "confidence": 80, "reason": "it says so", **result},
    }


def test_a_nested_outcome_is_a_verdict_with_as_much_evidence_as_one_may_have():
    said = branch._verdict_of(outcome("partial", settled_by="vote"), Opinion)

    assert (said["choice"], said["confidence"], len(said["evidence"])) == ("refund", 80, MOST_FINDINGS)


def test_a_nested_outcome_that_failed_or_says_something_else_is_none():
    with pytest.raises(Absent, match="why not"):
        branch._verdict_of(outcome("failed"), Opinion)
    with pytest.raises(Absent, match="Input should be"):
        branch._verdict_of(outcome("completed", choice="perhaps"), Opinion)
