"""Fallback: another agent tries where one gave no valid result and has changed nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from governance.errors import ModelUnavailable
from models.governed import ModelFailed
from nodes.faults import GaveUp
from nodes.team import Agent
from nodes.turn import Turn

Begin = Callable[[Agent], Awaitable[Turn]]
Work = Callable[[Turn], Awaitable[dict[str, Any]]]


async def first_valid(
    agent: Agent, fallback: Agent | None, begin: Begin, work: Work
) -> tuple[dict[str, Any], Turn]:
    """Let the agent work, and its fallback where that comes to nothing.

    After a write nobody tries again: another agent would not know of it. What was refused to the
    first stays refused, whatever the second does.

    Raises:
        GaveUp, ModelFailed, ModelUnavailable: Nobody gave a valid result.
        Whatever else `work` raises.
    """
    turn = await begin(agent)
    if fallback:
        turn.behind, turn.place = True, _apart(turn, agent)
    try:
        return await work(turn), turn
    except (GaveUp, ModelFailed, ModelUnavailable):
        if fallback is None or turn.wrote:
            raise
    again = await take_over(turn, fallback, begin)
    return await work(again), again


async def take_over(turn: Turn, fallback: Agent, begin: Begin) -> Turn:
    """A fresh turn for another agent in the same place; what was refused or disputed still stands."""
    again = await begin(fallback)
    again.refused, again.dissent = turn.refused, turn.dissent
    again.place = _apart(again, fallback)
    return again


def _apart(turn: Turn, agent: Agent) -> str:
    """A place of a pattern's own, so that what it left behind is told from what others did in this visit."""
    return f"{turn.actor.position}/{agent.name}"
