"""Climb: whether somebody else may still take a request or a step, before a person is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_core.runnables import RunnableConfig

from governance.choices import traces
from governance.control import control
from governance.outcome import Status
from governance.principals import Run
from models.offline.facts import BEYOND

ABOVE_KEY = "tower_above"
"""Set for a pattern that somebody else can take over from: to the path below which it must have left
nothing, or to "/" for the whole run; stripped from what clients send."""


def gave_up(outcome: Mapping[str, Any]) -> bool:
    """Whether a pattern came to nothing in a way that leaves it to others to try."""
    status, beyond = Status(outcome["status"]), any(BEYOND in reason for reason in outcome["reasons"])
    others = (Status.FAILED, Status.LIMIT_REACHED, Status.LOOP_DETECTED)
    return status in others or (status is Status.ESCALATED and beyond)


async def may_climb(run: Run, config: RunnableConfig) -> bool:
    """Whether the pattern at work may give up without asking a person, since somebody can take over."""
    below = config.get("configurable", {}).get(ABOVE_KEY)
    return bool(below) and not await hindrance(run, str(below).strip("/"))


async def hindrance(run: Run, position: str = "") -> str:
    """What in the past of a run, or below a position of it, forbids to let another pattern try."""
    left = await traces(control(), run, position)
    if left.effects:
        return f"not tried again, since it may have acted: {', '.join(left.effects)}"
    if left.asked:
        return "not tried again, since a person was asked"
    usage = await control().usage(run.id)
    return f"{usage['percent']} % of the run's budget is used" if usage["degraded"] else ""
