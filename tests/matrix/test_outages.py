"""Outages: no question is answered before its run has stopped once; each run ends as if nothing had been."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from langchain_core.messages import BaseMessage

from governance.errors import ModelUnavailable
from governance.limits import BreakerRules, Budget
from governance.verify import verify
from models.scripted import Reply
from tests.matrix.cells import SMALL, acts, by_what_was_done
from tests.matrix.crews import CREWS, Crew, look, pay
from tests.matrix.world import World

ATTEMPTS = 2
"""Of each model, in one process."""
MOST_STOPS = 40


def overloaded(scripts: dict[str, Any]) -> dict[str, Any]:
    """The same scripts behind a server that answers no question before it was asked twice in vain."""
    asked: Counter[str] = Counter()

    def behind(script: Any) -> Any:
        def say(messages: Sequence[BaseMessage]) -> Reply:
            question = repr([(message.type, message.text) for message in messages])
            asked[question] += 1
            reply: Reply = ConnectionError("503") if asked[question] <= ATTEMPTS else script(messages)
            return reply

        return say

    return {job: behind(script) for job, script in scripts.items()}


@pytest.mark.scenario(40)
@pytest.mark.parametrize("crew", CREWS, ids=[crew.name for crew in CREWS])
async def test_a_run_that_stopped_again_and_again_pays_and_acts_once(world: World, crew: Crew):
    world.limit(run=Budget(), agent=Budget(), breakers=BreakerRules(failures=0))
    scripts = crew.scripts()
    scripts["Job of acts."] = by_what_was_done(*((look(), pay(*SMALL)) if acts(crew) else ()), crew.ends)
    world.script(overloaded(scripts))
    with pytest.raises(ModelUnavailable, match="503"):
        await world.start(crew)
    for _ in range(MOST_STOPS):
        world.restart()
        try:
            await world.go()
        except ModelUnavailable:
            continue
        break

    assert (world.status, world.effects) == ("completed", 1 if acts(crew) else 0)
    assert world.entries("approval_requested") == []
    paid = [entry["key"] for entry in world.entries("settled") if entry["action"] == "call_model"]
    assert len(paid) == len(set(paid))
    assert world.model.calls == len(paid) + len(world.entries("failed"))
    assert (await asyncio.to_thread(verify, world.plane.audit)).whole
