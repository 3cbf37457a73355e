"""Scenarios 3 to 6 for a fan-out: nobody's verdict is lost, and none that is missing goes unnamed."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from governance.errors import ControlUnavailable
from memory.checkpoints import open_checkpointer
from models.door import use_model
from models.scripted import Delayed, ScriptedChatModel
from nodes.step import Step
from tests.scenarios.assessed import (
    A_MOMENT,
    BROKEN,
    ROOT,
    refunds_first,
    say,
    team,
)
from tests.scenarios.conftest import Run
from tests.second.assessors import MONEY, PAST, RULES, opines
from tests.second.killed import PAYS, crew, script
from tests.second.office import IBANS, Ledger


@pytest.mark.scenario(3)
async def test_a_branch_that_raises_is_named_and_the_others_count(desk):
    say(rules=[opines("refund")], money=BROKEN, past=[opines("refund")])

    run = await desk.start(team(desk))

    assert run.outcome["status"] == "partial"
    assert run.outcome["undone"] == ["money"]
    assert "the provider is away" in str(run.outcome["reasons"])
    assert list(run.outcome["result"]["verdicts"]) == ["rules", "past"]
    assert run.outcome["result"]["choice"] == "refund"
    assert [entry["body"]["branch"] for entry in run.entries("branch_absent")] == ["money"]


@pytest.mark.scenario(3)
async def test_an_error_that_nobody_foresaw_is_an_absence_too(desk):
    async def broken(*_: Any) -> Sequence[str]:
        msg = "a bug"
        raise KeyError(msg)

    say(rules=[opines("refund")], money=[opines("refund")], past=[opines("refund")])

    run = await desk.start(team(desk, RULES, Step(MONEY, check=broken), PAST))

    assert run.outcome["status"] == "partial"
    assert run.outcome["result"]["absent"][0]["error"] == "KeyError"


@pytest.mark.scenario(4)
async def test_below_the_quorum_it_fails_and_keeps_what_there_is(desk):
    say(rules=[opines("refund", 91)], money=BROKEN, past=[opines("refund", 92)])

    run = await desk.start(team(desk, quorum="all"))

    assert run.outcome["status"] == "failed"
    assert run.outcome["answer"] == ""
    kept = run.outcome["result"]["verdicts"]
    assert {name: verdict["confidence"] for name, verdict in kept.items()} == {"rules": 91, "past": 92}
    stored = (await desk.plane.record(run.id)).outcome
    assert stored["result"]["verdicts"] == kept


@pytest.mark.scenario(5)
async def test_after_a_crash_only_unfinished_branches_run(desk):
    """The control plane goes away under B, which stops the run as a crash does; A is done by then."""
    model = say(
        pays=await refunds_first(desk),
        money=[Delayed(0.2, opines("refund")), opines("refund")],
        past=[opines("refund")],
    )
    graph = team(desk, PAYS, MONEY, PAST)
    plane, settle = desk.plane, desk.plane.settle

    async def away(clearance: Any, *args: Any, **more: Any) -> None:
        if clearance.act.actor.agent.name == "money":
            msg = "the control database is away"
            raise ControlUnavailable(msg)
        await settle(clearance, *args, **more)

    plane.settle = away
    with pytest.raises(ControlUnavailable):
        await desk.start(graph)
    plane.settle = settle
    before = model.calls
    thread = next(iter(desk.saver.storage))
    (record,) = await plane.runs()
    run = Run(desk, graph, {"configurable": {"thread_id": thread, "tower_run": record.run.id}}, record.run.id)
    await plane.store.transact(lambda tx: tx.execute("UPDATE journal SET lease = '' WHERE state = 'open'"))

    await run.go(None)

    assert run.outcome["status"] == "completed"
    assert [row[:2] for row in desk.refunds()] == [("T-001", 4000)]
    asked = [prompt.key for prompt in model.prompts[before:]]
    assert asked == ["Job of money."], "the others' verdicts were kept"


@pytest.mark.scenario(5)
async def test_a_killed_process_leaves_one_effect_and_only_unfinished_branches_to_run(desk):
    killed = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-m", "tests.second.killed"], cwd=ROOT, check=False, timeout=60
    )
    assert killed.returncode == -signal.SIGKILL
    assert [row[:2] for row in desk.refunds()] == [("T-001", 4000)]
    token = await desk.plane.vault.token("harbor", "iban", IBANS["ann"])
    model = ScriptedChatModel(scripts=script(token))
    use_model(model)
    (record,) = await desk.plane.runs()
    config = {"configurable": {"thread_id": "t-1", "tower_run": record.run.id}}

    async with open_checkpointer(desk.plane.settings.url("checkpoints")) as saver:
        run = Run(desk, crew().compile(name="concurrent", checkpointer=saver), config, record.run.id)
        await run.go(None)

    assert run.outcome["status"] == "completed"
    assert [row[:2] for row in desk.refunds()] == [("T-001", 4000)]
    assert [prompt.key for prompt in model.prompts] == ["Job of money."]


@pytest.mark.scenario(6)
async def test_a_branch_past_its_time_is_cancelled(desk):
    say(rules=[opines("refund")], money=[Delayed(60, opines("refuse"))], past=[opines("refund")])

    run = await desk.start(team(desk, branch_timeout=A_MOMENT))

    assert run.outcome["status"] == "partial"
    assert run.outcome["result"]["absent"][0]["error"] == "TimeoutError"
    attempts = [entry for entry in run.entries("failed") if entry["actor"] == "money"]
    assert len(attempts) == 1, "the attempt is written down, so its reservation isn't held for ever"
    usage = (await desk.plane.usage(run.id))["agents"]["money"]
    assert usage["model_calls"] == 1
    assert usage["tokens"] == 0


@pytest.mark.scenario(6)
async def test_a_late_result_is_discarded_and_audited(desk):
    async def stubborn(*_: Any) -> Sequence[str]:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            return []  # what should have ended gives its result all the same
        return []

    say(rules=[opines("refund")], money=[opines("refuse", 99)], past=[opines("refund")])

    run = await desk.start(team(desk, RULES, Step(MONEY, check=stubborn), PAST, branch_timeout=A_MOMENT))

    assert run.outcome["undone"] == ["money"]
    assert "money" not in run.outcome["result"]["verdicts"]
    (late,) = run.entries("late_result")
    assert late["body"]["discarded"]["confidence"] == 99


@pytest.mark.scenario(6)
async def test_a_started_effect_is_carried_through_when_its_branch_is_cancelled(desk, monkeypatch):
    begun = asyncio.Event()
    write = Ledger.run

    async def slow(self: Ledger, work: Callable[..., Any]) -> Any:
        begun.set()
        await asyncio.sleep(1.5)
        return await write(self, work)

    monkeypatch.setattr(Ledger, "run", slow)
    say(pays=await refunds_first(desk), money=[opines("refund")], past=[opines("refund")])

    run = await desk.start(team(desk, PAYS, MONEY, PAST, branch_timeout=A_MOMENT))

    assert begun.is_set()
    assert run.outcome["undone"] == ["pays"]
    assert [row[:2] for row in desk.refunds()] == [("T-001", 4000)]
    settled = [entry for entry in run.entries("settled") if entry["action"] == "refund"]
    assert len(settled) == 1, "its result is written too, before the run ends"
