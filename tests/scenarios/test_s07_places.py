"""Scenario 7: how many of a fan-out are at work at once, those of nested teams included."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from graphs.concurrent import concurrent
from nodes.resolve import Vote
from nodes.step import Step
from tests.scenarios.assessed import (
    say,
    team,
)
from tests.second.assessors import DOUBT, MONEY, PAST, RULES, assessor, opines


class Watched:
    """Verdicts that take a while, and how many were in the making at once."""

    def __init__(self, least: int) -> None:
        self.now = self.most = 0
        self.least = least
        self.enough = asyncio.Event()

    async def check(self, *_: Any) -> Sequence[str]:
        self.now += 1
        self.most = max(self.most, self.now)
        if self.now >= self.least:
            self.enough.set()
        async with asyncio.timeout(5):
            await self.enough.wait()
        for _turn in range(20):  # long enough for one more to slip in, if it could
            await asyncio.sleep(0)
        self.now -= 1
        return []


TEN = [f"m{number}" for number in range(9, -1, -1)]


@pytest.mark.scenario(7)
@pytest.mark.parametrize(("knob", "given", "most"), [(3, None, 3), (10, 3, 3), (2, 4, 4)])
async def test_never_more_than_so_many_at_work_and_the_order_is_the_teams(desk, knob, given, most):
    watched = Watched(most)
    say(**{name: [opines("refund")] for name in TEN})
    members = [Step(assessor(name), check=watched.check) for name in TEN]
    graph = team(desk, *members, quorum="all", max_concurrency=knob)
    if given:
        graph = graph.with_config(max_concurrency=given)

    run = await desk.start(graph)

    assert watched.most == most
    assert run.outcome["status"] == "completed"
    assert list(run.outcome["result"]["verdicts"]) == TEN


@pytest.mark.scenario(7)
async def test_a_nested_team_takes_its_places_from_its_parents_limit(desk):
    watched = Watched(2)
    names = ["a1", "a2", "a3", "b1", "b2", "b3"]
    say(**{name: [opines("refund")] for name in names}, rules=[opines("refund")])
    inner = [
        concurrent(
            [Step(assessor(name), check=watched.check) for name in names if name[0] == letter],
            resolve=[Vote()],
            max_concurrency=9,
        ).compile(name=f"team_{letter}")
        for letter in "ab"
    ]

    run = await desk.start(team(desk, *inner, RULES, quorum="all", max_concurrency=2))

    assert watched.most == 2
    assert run.outcome["status"] == "completed"
    assert list(run.outcome["result"]["verdicts"]) == ["team_a", "team_b", "rules"]
    assert len(run.outcome["evidence"]) == 7


async def test_four_branches_overlap(desk):
    watched = Watched(4)
    agents = (RULES, MONEY, PAST, DOUBT)
    model = say(**{agent.name: [opines("refund")] for agent in agents})

    await desk.start(team(desk, *(Step(agent, check=watched.check) for agent in agents)))

    assert watched.most == 4
    assert model.calls == 4
