"""Fallback: another agent tries where one gave no valid result and has changed nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

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
        GaveUp, ModelFailed: Nobody gave a valid result.
        Whatever else `work` raises.
    """
    turn = await begin(agent)
    try:
        return await work(turn), turn
    except (GaveUp, ModelFailed):
        if fallback is None or turn.wrote:
            raise
    again = await begin(fallback)
    again.refused = turn.refused
    return await work(again), again
