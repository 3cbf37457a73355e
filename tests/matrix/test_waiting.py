"""Crews that wait for a person, each as the ticket office's own tests have it of one pattern or two."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from langgraph.types import Command

from governance.confidence import ConfidenceRule
from governance.control import ControlPlane, use_control
from governance.errors import Denied, InvalidInput
from governance.limits import Times
from tests.governance.conftest import Clock
from tests.matrix.cells import LARGE, acts, by_what_was_done, happy
from tests.matrix.crews import CREWS, DIRECT, SINGLE, Crew, look, pay
from tests.matrix.switches import crash
from tests.matrix.world import LENA, World
from tests.scenarios.conftest import calls
from tests.second import office
from tests.second.rules import MATRIX, gathered

IN_EVERY_RUN = {"direct", "concurrent", "supervisor"}
"""The others are left to `make matrix`."""


def others(*but: Crew) -> Any:
    return pytest.mark.parametrize(
        "crew",
        [
            pytest.param(crew, id=crew.name, marks=() if crew.name in IN_EVERY_RUN else pytest.mark.slow)
            for crew in CREWS
            if crew not in but
        ],
    )


every_other = others(SINGLE, DIRECT)
every_other_and_direct = others(SINGLE)
ADVICE = {"answer": "Three days.", "sources": ["handbook § 1"]}


async def waits(world: World, crew: Crew) -> None:
    """A large refund waits for a yes; whoever only answers waits for the answer that it couldn't give."""
    if acts(crew):
        await happy(world, crew, LARGE)
    else:
        world.script(crew.scripts(ends=calls("Advice", answer="")))
        await world.start(crew)
    assert world.waiting


async def says_yes(world: World, crew: Crew) -> dict[str, Any]:
    if acts(crew):
        return await decides(world, "approve")
    args = world.waiting[0]["action_requests"][0]["args"] | {"values": json.dumps(ADVICE)}
    return await decides(world, "edit", edited_action={"name": "ask_human", "args": args})


def done(world: World, crew: Crew) -> bool:
    return (world.status, world.effects) == ("completed", 1 if acts(crew) else 0)


WOKEN: Any = Command(resume="woken")


async def decides(world: World, kind: str, **more: Any) -> dict[str, Any]:
    (asked,) = world.waiting
    said = {"approval_id": asked["approval_id"], "decisions": [{"type": kind, **more}]}
    await world.plane.decide(LENA, said)
    return said


async def resumed(world: World, times: int) -> Sequence[Any]:
    go = (world.graph.ainvoke(WOKEN, world.config, durability="sync") for _ in range(times))
    return await asyncio.gather(*go)


@pytest.mark.scenario(33)
@every_other
async def test_an_edit_is_cleared_again_and_a_switched_tool_is_refused(world: World, crew: Crew):
    await happy(world, crew, LARGE)
    args = world.waiting[0]["action_requests"][0]["args"]
    foreign = await world.plane.vault.token("harbor", "iban", office.IBANS["bob"])
    for name, edited, error in (
        ("take_back", args, InvalidInput),
        ("refund", args | {"iban": foreign}, Denied),
    ):
        with pytest.raises(error):
            await decides(world, "edit", edited_action={"name": name, "args": edited})

    await decides(world, "edit", edited_action={"name": "refund", "args": args | {"amount": 70_000}})
    await resumed(world, 1)

    assert [row[:2] for row in world.rows()] == [("T-002", 70_000)]
    assert world.effects == 1


@pytest.mark.scenario(35)
@every_other
async def test_two_resumes_at_once_have_one_effect(world: World, crew: Crew):
    await happy(world, crew, LARGE)
    await decides(world, "approve")
    await resumed(world, 2)

    assert world.effects == 1
    assert [row[:2] for row in world.rows()] == [LARGE]


@pytest.mark.scenario(35)
async def test_without_a_journal_they_have_two(world: World, monkeypatch: pytest.MonkeyPatch):
    # Asked again it says the same again, as a model without a journal behind it would.
    world.script({"Job of acts.": by_what_was_done(look(LARGE[0]), pay(*LARGE), SINGLE.ends)})
    await world.start(SINGLE)
    await decides(world, "approve")
    crash(monkeypatch)
    await resumed(world, 2)

    assert world.effects == 2


@pytest.mark.scenario(14)
@every_other_and_direct
async def test_two_hours_of_a_person_are_no_run_time(world: World, crew: Crew):
    clock, old = Clock(), world.plane
    limits = replace(old.limits, times=Times(run_seconds=60, service_hours=1))
    world.plane = ControlPlane(old.settings, old.store, old.policy, limits, old.vault, clock)
    use_control(world.plane)
    await waits(world, crew)
    clock.now += timedelta(hours=2)
    await says_yes(world, crew)
    await world.go(WOKEN)

    assert done(world, crew)
    usage = world.state["outcome"]["usage"]
    assert (usage["seconds"], usage["waited_seconds"], usage["late"]) == (0, 7200, True)


@pytest.mark.scenario(16)
@every_other_and_direct
async def test_ten_interrupts_reset_no_counter(world: World, crew: Crew):
    await waits(world, crew)
    before, asked = await world.plane.usage(world.run), world.model.calls
    for _ in range(10):
        await world.go(WOKEN)
    after = await world.plane.usage(world.run)
    counted = ("model_calls", "tool_calls", "handoffs", "tokens", "micros")
    assert [after[unit] for unit in counted] == [before[unit] for unit in counted]
    assert after["model_calls"] == world.model.calls == asked

    await says_yes(world, crew)
    await world.go(WOKEN)

    assert done(world, crew)
    assert world.state["outcome"]["usage"]["model_calls"] == world.model.calls


@pytest.mark.scenario(42)
@every_other_and_direct
async def test_a_yes_under_the_old_policies_does_not_count(world: World, crew: Crew, tmp_path: Path):
    await waits(world, crew)
    first = await says_yes(world, crew)
    world.policy = gathered(tmp_path / "changed", MATRIX, rule="// reviewed\n")
    world.restart()

    await world.go(WOKEN)

    assert world.effects == 0
    assert world.waiting[0]["approval_id"] != first["approval_id"]
    await says_yes(world, crew)
    await world.go(WOKEN)
    assert done(world, crew)


@pytest.mark.scenario(52)
@every_other
async def test_who_does_not_say_how_sure_they_are_is_not_sure_enough(world: World, crew: Crew):
    world.limit(confidence={"refund": ConfidenceRule(63)})
    await happy(world, crew)
    assert "nothing says how sure" in str(world.waiting)
    assert world.effects == 0

    await says_yes(world, crew)
    await world.go(WOKEN)

    assert done(world, crew)
