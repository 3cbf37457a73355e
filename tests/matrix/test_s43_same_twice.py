"""The same script twice: the same events and the same audit entries, clock and ids aside."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping
from operator import itemgetter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from langchain_core.messages import BaseMessage, message_to_dict

from graphs.magentic import magentic
from models.scripted import call
from nodes.worker import Worker
from tests.matrix.cells import SMALL, acts
from tests.matrix.crews import ACTS, CREWS, FOUND, FRONTS, LEAD, STEP, Crew, look, pay
from tests.matrix.world import World, open_plane
from tests.scenarios.conftest import says

Told = list[tuple[str, str]]
"""Who, and what was heard of them or written down, in order."""

CLOCK = {"seq", "time", "prev", "hash"}
TOOK = re.compile(r'("(?:millis|seconds|waited_seconds)":) \d+')
"""What tells the time, or follows from it."""
HEARD = ("visits", "results", "faults", "active", "hops", "outcome", "verdicts", "absences", "found")

BESIDE = {"id": "s2", "worker": "fronts", "task": "Look up the order T-002"}
PAIR = Crew(
    "magentic",
    lambda: magentic(LEAD, [Worker(ACTS), Worker(FRONTS)], review=None),
    says("It is refunded."),
    {
        "planner": [call("TaskLedger", plan=[STEP, BESIDE]), call("ProgressLedger", **FOUND)],
        "fronts": [look("T-002"), says("It is there.")],
    },
)
"""An investigation with two steps side by side."""


def lines(crew: Crew) -> tuple[Any, ...]:
    """What the acting agent does."""
    return (look(), pay(*SMALL)) if acts(crew) else ()


async def told(policy: Any, crew: Crew, home: Path) -> tuple[Told, Told]:
    """One run in a home of its own: its events, and its audit entries."""
    os.environ["TOWER_HOME"] = str(home)
    world, events = World(policy, open_plane(policy)), Told()
    world.script(crew.scripts(*lines(crew)))

    async def go(graph_input: Any = None) -> World:
        heard = world.graph.astream(
            graph_input, world.config, stream_mode=["custom", "updates"], subgraphs=True, durability="sync"
        )
        async for where, mode, event in heard:
            place = "/".join(part.partition(":")[0] for part in where)
            if mode == "custom":
                events.append((f"{place}/{event['agent']}", json.dumps(event)))
                continue
            for node, update in event.items():
                kept = {name: update[name] for name in HEARD if name in (update or {})}
                events.append((f"{place}/{node}", _timeless(kept, world)))
        return world

    world.go = go  # type: ignore[method-assign]
    await world.start(crew)
    entries = [(str(entry.get("actor")), _timeless(entry, world)) for entry in world.plane.audit.entries()]
    world.plane.close()
    return events, entries


def _timeless(said: Mapping[str, Any], world: World) -> str:
    kept = {name: value for name, value in said.items() if name not in CLOCK}
    text = TOOK.sub(r"\1 0", json.dumps(kept, sort_keys=True, default=str))
    return text.replace(world.run, "RUN").replace(world.config["configurable"]["thread_id"], "THREAD")


@pytest.fixture(autouse=True)
def no_random_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages and tool calls have random ids, and the log has the hash of each answer."""

    def plain(message: BaseMessage) -> dict[str, Any]:
        written = message_to_dict(message)
        calls = [call | {"id": "call"} for call in written["data"].get("tool_calls", ())]
        return written | {"data": written["data"] | {"id": None, "tool_calls": calls}}

    monkeypatch.setattr("models.governed.message_to_dict", plain)
    monkeypatch.setattr("tests.scenarios.conftest.uuid4", lambda: SimpleNamespace(hex="0" * 8))


async def twice(world: World, crew: Crew, folder: Path) -> list[tuple[Told, Told]]:
    """Two runs under the same keys, each in a home that has seen no other: pairs of events and of entries."""
    world.plane.close()
    first = await told(world.policy, crew, folder / "first")
    shutil.copytree(folder / "first/keys", folder / "second/keys")
    second = await told(world.policy, crew, folder / "second")
    return list(zip(first, second, strict=True))


@pytest.mark.scenario(43)
@pytest.mark.parametrize("crew", [c for c in CREWS if c.name != "concurrent"], ids=lambda crew: crew.name)
async def test_two_runs_of_a_script_are_the_same(world: World, crew: Crew, tmp_path: Path):
    for first, second in await twice(world, crew, tmp_path):
        assert len(first) > 3
        assert first == second


@pytest.mark.scenario(43)
@pytest.mark.parametrize("crew", [CREWS[3], PAIR], ids=lambda crew: crew.name)
async def test_branches_differ_in_no_more_than_who_is_done_first(world: World, crew: Crew, tmp_path: Path):
    for first, second in await twice(world, crew, tmp_path):
        # Sorting is stable, so that what each of them did stays in its order.
        assert sorted(first, key=itemgetter(0)) == sorted(second, key=itemgetter(0))


@pytest.mark.scenario(43)
async def test_another_script_is_told_apart(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    order = iter([SMALL, ("T-001", 3_999)])
    monkeypatch.setattr("tests.matrix.test_s43_same_twice.lines", lambda _: (look(), pay(*next(order))))

    (heard, heard_again), (written, written_again) = await twice(world, CREWS[1], tmp_path)
    assert heard == heard_again
    assert written != written_again
