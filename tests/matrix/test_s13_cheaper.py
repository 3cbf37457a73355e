"""Scenario 13 for every crew: at 80 % of its budget the cheaper model answers, at 100 % it stops as it is."""

from __future__ import annotations

from typing import Any

import pytest

from governance.limits import Budget
from models import governed
from models.door import Choice
from tests.matrix.cells import acts
from tests.matrix.crews import CREWS, Crew, Lines, look
from tests.matrix.world import World
from tests.scenarios.conftest import calls

ORDERS = [look(f"T-00{number}") for number in (1, 2, 1, 2, 3, 3)]


@pytest.fixture
def asked(world: World, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which model answered, in order; each role has one of its name."""
    named: list[str] = []

    async def answer(choice: Choice, messages: Any, *_: Any, **__: Any) -> Any:
        named.append(choice.model)
        return await world.model.ainvoke(list(messages))

    monkeypatch.setattr(governed, "_call", answer)
    monkeypatch.setattr(governed, "choices", lambda role: (Choice("offline", role, remote=False),))
    return named


KNOWN = {
    **dict.fromkeys(("single", "handoff", "adaptive"), "find_order: {"),
    "sequential": "'reads': {'order_id'",
    "concurrent": "2 of 3 verdicts",
    "group_chat": "We have refunded",
}
"""What there is when it stops, where anything is."""


def spending(crew: Crew) -> dict[str, Any]:
    """Lines of a crew that doesn't come to an end."""
    if not acts(crew):
        return crew.scripts(ends=calls("Advice", answer=""))
    if crew.name != "group_chat":
        return crew.scripts(*ORDERS)
    curt = {"id": "tone", "severity": "blocking", "what": "it is curt", "where": "text"}
    scripts = crew.scripts(*ORDERS[:2], crew.ends, *ORDERS)  # so many calls are one turn's
    scripts["Job of law."] = Lines([calls("Review", verdict="needs_revision", findings=[curt], resolved=[])])
    return scripts


@pytest.mark.scenario(13)
@pytest.mark.parametrize("crew", CREWS, ids=lambda crew: crew.name)
async def test_the_cheaper_model_answers_and_then_it_stops(world: World, asked: list[str], crew: Crew):
    # Who only answers asks three times at most, so that 80 % are never reached before 100 %.
    calls_, scarce = (5, 0.8) if acts(crew) else (2, 0.5)
    world.limit(
        run=Budget(model_calls=calls_, handoffs=9),
        agent=Budget(),
        degrade={"worker": "cheap"},
        degrade_at=scarce,
    )
    world.script(spending(crew))

    await world.start(crew)

    assert asked == ["worker"] * (calls_ - 1) + ["cheap"]
    assert world.status == "budget_exhausted"
    outcome = world.state["outcome"]
    assert outcome["undone"], "it says what it couldn't do"
    assert crew.name not in KNOWN or KNOWN[crew.name] in str(outcome)
    assert [entry["body"]["percent"] for entry in world.entries("degraded")] == [round(100 * scarce)]
