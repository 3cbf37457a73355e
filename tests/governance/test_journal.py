"""The journal: no act is done twice, none is lost, and what nobody knows is said to be unknown."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from governance.acts import Cost
from governance.errors import EffectUnknown
from tests.governance.conftest import act, sql

ROOT = Path(__file__).parents[2]


async def test_a_repeated_act_gets_the_stored_result_without_a_new_intent(plane, run):
    first = await plane.clear(act(run))
    await plane.settle(first, {"payment": "PAY-1", "at": 1.5}, Cost(tool_calls=1))
    again = await plane.clear(act(run))
    await plane.settle(again, "ignored", Cost(tool_calls=1))

    assert (first.done_before, again.done_before) == (False, True)
    assert again.replay == {"payment": "PAY-1", "at": 1.5}
    assert again.decision == first.decision
    assert (await plane.usage(run.id))["tool_calls"] == 1


async def test_a_stored_null_is_a_result(plane, run):
    await plane.settle(await plane.clear(act(run)), None, Cost())
    again = await plane.clear(act(run))
    assert (again.done_before, again.replay) == (True, None)


@pytest.mark.scenario(35)
async def test_two_clears_at_once_give_one_intent(build, run):
    """Two workers resume the same act: one acts, the other waits and gets its result."""
    effects = []

    async def resume(plane):
        clearance = await plane.clear(act(run, repeatable=False))
        if clearance.done_before:
            return clearance.replay
        await asyncio.sleep(0.05)
        effects.append(plane)
        await plane.settle(clearance, "paid once", Cost(tool_calls=1))
        return "paid once"

    planes = [build(), build(), build()]
    assert await asyncio.gather(*map(resume, planes), resume(planes[0])) == ["paid once"] * 4
    assert len(effects) == 1


async def test_a_live_worker_is_waited_for_only_until_its_lease_ends(build, run, clock):
    stuck, other = build(), build()
    await stuck.clear(act(run))
    waiting = asyncio.create_task(other.clear(act(run)))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    clock.forward(minutes=5)
    assert (await waiting).attempt == 2


async def test_a_repeatable_act_of_a_dead_worker_is_taken_up(build, run):
    dead = build()
    await dead.clear(act(run))
    dead.worker.stop()
    taken = await build().clear(act(run))
    assert (taken.done_before, taken.attempt, taken.key) == (False, 2, act(run).key)


async def test_an_act_that_must_not_be_repeated_is_marked_unknown(build, settings, run):
    dead, other = build(), build()
    asked = act(run, repeatable=False)
    lost = await dead.clear(asked)
    dead.worker.stop()

    for _ in range(2):
        with pytest.raises(EffectUnknown):
            await other.clear(asked)
    assert sql(settings, "SELECT state FROM journal") == [("unknown",)]
    assert [e["refusal"] for e in bodies(other, run, "refused")] == ["EffectUnknown"] * 2

    await dead.settle(lost, "it did work", Cost(tool_calls=1))
    assert (await other.clear(asked)).replay == "it did work"


async def test_a_late_result_is_discarded_and_logged(build, run, clock):
    slow, quick = build(), build()
    late = await slow.clear(act(run))
    clock.forward(hours=1)
    await quick.settle(await quick.clear(act(run)), "quick", Cost(tool_calls=1))
    await slow.settle(late, "slow", Cost(tool_calls=1))

    assert (await slow.clear(act(run))).replay == "quick"
    assert [entry["kind"] for entry in slow.audit.entries(run=run.id)][-1] == "discarded"


async def test_failures(plane, run):
    failed = await plane.clear(act(run))
    await plane.fail(failed, "timeout", Cost(tool_calls=1))
    assert (await plane.clear(act(run))).attempt == 2

    once = act(run, sequence=2, repeatable=False)
    await plane.fail(await plane.clear(once), "refused by the bank", Cost(), retry=True)
    second = await plane.clear(once)
    await plane.fail(second, "timeout", Cost(tool_calls=1))
    with pytest.raises(EffectUnknown):
        await plane.clear(once)


async def test_a_clearance_that_nobody_received_is_taken_back(plane, run):
    entered, go = threading.Event(), threading.Event()
    clear = type(plane.gate).clear

    def slow(gate, tx, asked):
        entered.set()
        go.wait(20)
        return clear(gate, tx, asked)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(plane.gate), "clear", slow)
        task = asyncio.create_task(plane.clear(act(run, repeatable=False)))
        await asyncio.to_thread(entered.wait, 20)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go.set()
        await plane.store.transact(lambda tx: None)
    assert (await plane.clear(act(run, repeatable=False))).attempt == 2
    assert (await plane.usage(run.id))["tool_calls"] == 0


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from tests.governance.conftest import OfficePolicy, act
from governance.control import ControlPlane
from governance.limits import Limits
from governance.settings import Settings
from governance.store import ControlStore

async def main():
    settings = Settings(Path(sys.argv[2]), sys.argv[3] or None)
    plane = ControlPlane(settings, ControlStore(settings.url("control")), OfficePolicy(), Limits(), None)
    run = await plane.run(sys.argv[4])
    await plane.clear(act(run, request_hash="h", repeatable=sys.argv[5] == "yes"))
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


@pytest.mark.parametrize("repeatable", ["yes", "no"])
async def test_killed_between_intent_and_result(plane, settings, run, repeatable):
    clock_now = plane.clock.now
    arguments = [str(ROOT), str(settings.home), settings.database_url or "", run.id, repeatable]
    child = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", KILLED, *arguments], check=False, timeout=60
    )
    assert child.returncode == -9
    assert sql(settings, "SELECT state, attempt FROM journal") == [("open", 1)]

    asked = act(run, request_hash="h", repeatable=repeatable == "yes")
    if repeatable == "yes":
        assert (await plane.clear(asked)).attempt == 2
    else:
        with pytest.raises(EffectUnknown):
            await plane.clear(asked)
    assert plane.clock.now == clock_now, "a worker that is surely dead isn't waited for"


def bodies(plane, run, kind):
    return [json.loads(json.dumps(entry["body"])) for entry in plane.audit.entries(run=run.id, kind=kind)]
