"""An outage: while the control database is away nothing new is cleared, and what was done isn't lost."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from governance.acts import Cost
from governance.errors import ControlUnavailable
from governance.store import ControlStore
from tests.governance.conftest import act


@pytest.fixture
def away(plane, monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """The database is away while this is set."""
    gone = asyncio.Event()
    begin = ControlStore._begin

    def refuse(store: ControlStore, **how: bool):
        if gone.is_set():
            raise ConnectionError
        return begin(store, **how)

    monkeypatch.setattr(ControlStore, "_begin", refuse)
    return gone


async def test_what_was_done_is_written_down_when_the_database_is_back(plane, run, away):
    clearance = await plane.clear(act(run))
    away.set()

    settling = asyncio.create_task(plane.settle(clearance, "paid", Cost(tool_calls=1)))
    with pytest.raises(ControlUnavailable):
        await plane.clear(act(run, sequence=2))
    assert not settling.done()
    away.clear()
    await settling

    assert (await plane.clear(act(run))).replay == "paid"
    assert (await plane.usage(run.id))["tool_calls"] == 1


async def test_that_an_attempt_failed_is_written_down_as_well(plane, run, away):
    clearance = await plane.clear(act(run))
    away.set()
    failing = asyncio.create_task(plane.fail(clearance, "it broke", Cost(tool_calls=1)))
    await asyncio.sleep(0.05)
    away.clear()
    await failing

    assert (await plane.clear(act(run))).attempt == 2


async def test_a_database_that_stays_away_ends_the_wait(plane, run, away):
    clearance = await plane.clear(act(run))
    plane.patience = timedelta()
    away.set()

    with pytest.raises(ControlUnavailable):
        await plane.settle(clearance, "paid", Cost(tool_calls=1))
    away.clear()


async def test_a_plane_that_is_closed_waits_for_nothing(plane, run):
    clearance = await plane.clear(act(run))
    plane.close()

    with pytest.raises(ControlUnavailable, match="closed"):
        await plane.settle(clearance, "paid", Cost(tool_calls=1))


async def test_what_a_power_cut_must_not_take_back_is_synced(plane, run, monkeypatch: pytest.MonkeyPatch):
    await plane.clear(act(run, sequence=9))
    begin, synced = plane.store._db.begin, []

    def note(*, synced: bool, to: list[bool] = synced) -> None:
        to.append(synced)
        begin(synced=synced)

    monkeypatch.setattr(plane.store._db, "begin", note)
    for repeatable in (False, True):
        clearance = await plane.clear(act(run, sequence=int(repeatable), repeatable=repeatable))
        await plane.settle(clearance, "paid", Cost(tool_calls=1))

    assert synced == [True, True, True, False]
