"""Legs: what one process does for a run before it ends or dies, and what people do in between."""

from __future__ import annotations

import asyncio
import json
import resource
from datetime import timedelta
from typing import Any

from langgraph.types import Command

from cli.drive import MAX_STEPS, _next_input
from governance.control import control
from governance.effects import Recorded
from governance.journal import State
from governance.policy import PolicyEngine
from governance.runs import ENDED
from memory.checkpoints import open_checkpointer
from nodes.admission import Request
from nodes.place import RUN_KEY
from tests.campaigns.desk import Case, found, open_desk
from tests.campaigns.forks import Tell
from tests.campaigns.seams import Deadly
from tests.matrix.crews import Crew
from tests.matrix.world import ADMISSION, LENA, LETTER, SAM
from tests.second import office
from tests.second.office import Ledger
from tools.doubt import settle_by_hand

_GRAPHS: dict[str, Any] = {}


def build(crew: Crew) -> Any:
    """The crew's graph, built once and before any fork."""
    if crew.name not in _GRAPHS:
        _GRAPHS[crew.name] = crew.build().compile(name=crew.name)
    return _GRAPHS[crew.name]


def go_on(
    case: Case,
    policy: PolicyEngine,
    *,
    run: str | None,
    leg: int,
    deadly: Deadly,
    tell: Tell,
    disk: int | None = None,
) -> None:
    """Take a run as far as it goes, as `tower run` and `tower resume` do; admit it where there is none.

    Args:
        disk: Bytes that no file may grow beyond; the disk is full then.
    """
    plane = open_desk(case, policy, deadly, leg)
    if disk is not None:
        plane.patience = timedelta()
        resource.setrlimit(resource.RLIMIT_FSIZE, (disk, disk))
    asyncio.run(_drive(case, run, tell))
    plane.close()
    tell({"passed": dict(deadly.passed)})


async def _drive(case: Case, run: str | None, tell: Tell) -> None:
    if run is None:
        run = await admit(case)
        tell({"run": run})
    await drive(case, run, tell)


async def admit(case: Case) -> str:
    """Let Sam's letter in; returns the run."""
    request = Request(LETTER, customer="ann")
    return (await ADMISSION.admit(SAM, case.crew.name, request, case.thread)).run.id


async def drive(case: Case, run: str, tell: Tell) -> None:
    """Go on from the last checkpoint, as `cli.drive` does."""
    record = await control().record(run)
    if record.state != ENDED:
        async with open_checkpointer(control().settings.url("checkpoints")) as saver:
            graph = build(case.crew).copy(update={"checkpointer": saver})
            config: Any = {
                "configurable": {"thread_id": case.thread, RUN_KEY: run},
                "recursion_limit": MAX_STEPS,
                "metadata": {RUN_KEY: run},
            }
            step = await _next_input(graph, config, record)
            tell(
                {
                    "begins": "new"
                    if isinstance(step, dict)
                    else "woken"
                    if isinstance(step, Command)
                    else "on"
                }
            )
            await graph.ainvoke(step, config, durability=case.durability)
    tell({"state": (await control().record(run)).state})


def people(case: Case, policy: PolicyEngine, *, run: str, tell: Tell) -> None:
    """Answer all that the run asks: the lead agrees, and looks effects in doubt up in the ledger."""
    plane = open_desk(case, policy, Deadly(None), leg=-1)
    tell({"answered": asyncio.run(_answer(run))})
    plane.close()


async def _answer(run: str) -> list[str]:
    plane = control()
    answered = []
    for approval in await plane.pending(LENA.tenant):
        if approval.run == run:
            said = {"approval_id": approval.id, "decisions": [{"type": "approve"}]}
            await plane.decide(LENA, said)
            answered.append(approval.action)
    for effect in await plane.unsettled(LENA.tenant):
        if effect.run == run and effect.state == State.UNKNOWN:
            await _look(effect)
            answered.append(f"effect {effect.key}")
    return answered


async def _look(effect: Recorded) -> None:
    seen = await found.run(ledger=Ledger.current(), key=effect.key)
    result = json.dumps(seen) if seen else None
    await settle_by_hand(office.refund, effect.key, LENA, result=result, reason="looked it up in the ledger")
