"""Climb: whether another pattern may still take a request, before a person is asked."""

from __future__ import annotations

from langchain_core.runnables import RunnableConfig

from governance.choices import traces
from governance.control import control
from governance.principals import Run

ABOVE_KEY = "tower_above"
"""Set by the ladder, for a rung with an open one above it; stripped from what clients send."""


async def may_climb(run: Run, config: RunnableConfig) -> bool:
    """Whether the pattern at work may give up without asking a person, since another one can take over."""
    if not config.get("configurable", {}).get(ABOVE_KEY):
        return False
    return not await hindrance(run)


async def hindrance(run: Run) -> str:
    """What in the run's past forbids to try again with another pattern; empty where nothing does."""
    left = await traces(control(), run)
    if left.effects:
        return f"not tried again, since it may have acted: {', '.join(left.effects)}"
    if left.asked:
        return "not tried again, since a person was asked"
    usage = await control().usage(run.id)
    return f"{usage['percent']} % of the run's budget is used" if usage["degraded"] else ""
