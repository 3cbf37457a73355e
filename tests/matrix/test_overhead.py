"""What patterns add to their agents' prompts."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from graphs.magentic import magentic
from models.scripted import ScriptedChatModel
from nodes import turn
from nodes.worker import Worker
from scripts.bench_patterns import overheads, table
from tests.campaigns.overhead import Bill, recording
from tests.matrix.cells import SMALL, acts
from tests.matrix.crews import CREWS, FOUND, LEAD, Crew, look, pay
from tests.matrix.world import World
from tests.scenarios.conftest import calls, says
from tests.second.office import agent

MOST = 1.05
MAGENTIC = 1_350
"""Prompt tokens for three workers with a part each, as docs/patterns has it beside another framework's."""
BRIEF = "You read what is asked of you, look up what you need, and say what you found.\n" * 8
"""As long as the desk's instructions."""
WORDS = (
    "The page covers scope, owners, risks and dates; each is traced to a source, each question to a person. "
)


async def billed(world: World, crew: Crew) -> Bill:
    lines = (look(), pay(*SMALL)) if acts(crew) else ()
    model = ScriptedChatModel(scripts=crew.scripts(*lines))
    with recording(model, "boss", "planner", "choose") as bill, pytest.MonkeyPatch.context() as patch:
        patch.setattr("nodes.team.Agent.instructions", BRIEF)
        await world.start(crew)
    assert (world.status, bill.calls) == ("completed", model.calls)
    return bill


@pytest.mark.parametrize("crew", CREWS, ids=lambda crew: crew.name)
async def test_a_pattern_says_everything_once(world: World, crew: Crew):
    bill = await billed(world, crew)

    assert 1 <= bill.over_bare <= MOST
    assert bill.own + bill.led > 0.5 * bill.total


async def test_what_is_said_twice_is_noticed(world: World, monkeypatch: pytest.MonkeyPatch):
    prompt_for = turn.prompt_for
    monkeypatch.setattr(turn, "prompt_for", lambda *args: [*(said := prompt_for(*args)), *said[1:2]])

    assert (await billed(world, next(crew for crew in CREWS if crew.name == "single"))).over_bare > MOST


async def investigated(world: World, count: int) -> Bill:
    """A plan with one part for each of so many workers."""
    names = [f"w{number}" for number in range(1, count + 1)]
    team = [Worker(agent(name, "cashier")) for name in names]
    steps = [{"id": name, "worker": name, "task": f"Do the part of {name}"} for name in names]
    findings = [{"statement": WORDS, "results": names}]
    model = ScriptedChatModel(
        scripts={f"Job of {name}.": [says(WORDS)] for name in names}
        | {
            "Job of planner.": [
                calls("TaskLedger", plan=steps),
                calls("ProgressLedger", **FOUND | {"findings": findings}),
            ]
        }
    )
    with recording(model, "planner") as bill:
        await world.start(Crew("magentic", lambda: magentic(LEAD, team, review=None), says("")), WORDS * 2)
    assert (world.status, bill.calls) == ("completed", count + 2)
    return bill


async def test_an_investigation_grows_with_its_results_and_not_with_its_team(world: World):
    bills = [await investigated(world, count) for count in (1, 3, 5)]

    assert bills[1].tokens < MAGENTIC
    first, second = (later.led - earlier.led for earlier, later in pairwise(bills))
    assert abs(second - first) < 20
    assert second < 0.12 * bills[0].led


@pytest.mark.slow
async def test_the_page_shows_what_the_bench_measures():
    page = (Path(__file__).parent.parent.parent / "docs/patterns/README.md").read_text(encoding="utf-8")

    assert table(await overheads()) in page
