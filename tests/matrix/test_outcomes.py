"""Ends that the patterns' pages promise and no other test looks at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from governance.errors import InvalidInput
from graphs.adaptive import adaptive
from graphs.direct import direct
from graphs.pattern import Graph
from graphs.single import single
from tests.matrix.cells import unread
from tests.matrix.crews import ACTS, ADAPTIVE, DIRECT, SEQUENTIAL, SINGLE, Advice, Crew, Handbook, look
from tests.matrix.world import World
from tests.scenarios.conftest import calls
from tests.second.office import DOOR, JOBS, agent


async def read(result: Advice, state: Mapping[str, Any], _lookup: Any) -> Sequence[str]:
    passages = {passage["source"] for passage in state["results"]["passages"]}
    return [f"{source} was not read" for source in result.sources if source not in passages]


def reading(**knobs: Any) -> Graph:
    advises = agent("acts", "cashier", returns=Advice)
    return direct(advises, retriever=Handbook(), **({"least": 0.5} | knobs))


async def ends(world: World, crew: Crew, *acts: Any, **more: Any) -> str:
    world.script(crew.scripts(*acts, **more))
    await world.start(crew)
    return world.status


async def test_direct_asks_no_model_where_nothing_is_about_the_question(world: World):
    crew = replace(DIRECT, build=lambda: reading(least=1.1))

    assert await ends(world, crew) == "escalated"
    assert world.model.calls == 0


@pytest.mark.scenario(2)
async def test_direct_asks_its_fallback_then_a_person_and_then_has_failed(world: World):
    second = agent("second", "cashier", returns=Advice)
    crew = replace(DIRECT, build=lambda: reading(fallback=second))
    scripts = crew.scripts(ends=calls("Advice", answer=""))
    world.script(scripts | {"Job of second.": scripts["Job of acts."]})

    await world.start(crew)
    assert (world.status, world.model.calls) == ("waiting", 6)
    await world.answer("reject")

    assert (world.status, world.model.calls) == ("failed", 6)
    assert world.state["outcome"]["answer"] == ""


async def test_direct_is_denied_where_it_may_not_read(world: World):
    assert await ends(world, unread(DIRECT)) == "denied"


async def test_an_answer_that_cites_what_was_not_read_goes_to_a_person(world: World):
    made_up = DIRECT.ends.model_copy(deep=True)
    made_up.tool_calls[0]["args"]["sources"] = ["handbook § 9"]

    assert await ends(world, replace(DIRECT, build=lambda: reading(check=read)), ends=made_up) == "waiting"
    assert "handbook § 9 was not read" in str(world.waiting)
    with pytest.raises(InvalidInput, match="edit or reject"):
        await world.answer("approve")
    await world.answer("reject")
    assert world.status == "rejected"


ONE_RUNG = replace(
    ADAPTIVE, build=lambda: adaptive(DOOR, JOBS, {"single": single(ACTS).compile(name="single")})
)
BEFORE = {"single": 0, "sequential": 1, "adaptive": 1}
"""What is asked of models before the agent that acts is."""


@pytest.mark.scenario(10)
@pytest.mark.parametrize("crew", [SINGLE, SEQUENTIAL, ONE_RUNG], ids=lambda crew: crew.name)
async def test_it_ends_after_so_many_rounds_with_what_was_learned_and_no_further_call(
    world: World, crew: Crew
):
    orders = [look(f"T-00{number}") for number in (1, 2, 1, 2, 3, 3, 4, 5, 6)]

    status = await ends(world, crew, *orders)
    if crew is SEQUENTIAL:  # a person may still give the step's result
        assert status == "waiting"
        status = (await world.answer("reject")).status

    assert (status, world.model.calls) == ("limit_reached", BEFORE[crew.name] + 8)
    outcome = world.state["outcome"]
    assert outcome["undone"] == ["acts"]
    known = outcome["result"]["reads"] if crew is SEQUENTIAL else outcome["answer"]
    assert "T-001" in str(known)
