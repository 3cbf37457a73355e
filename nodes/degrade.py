"""Degrade: what a pattern does less of once a run's budget runs low, where policy declares it."""

from __future__ import annotations

from governance.control import control
from governance.principals import Run

BRANCHES, STEPS = "branches", "steps"
"""Names in `[degrade]` of limits.toml beside the model roles."""


async def runs_low(run: Run, what: str) -> bool:
    """Whether less of `what` is to be done from now on."""
    return what in control().limits.degrade and bool((await control().usage(run.id))["degraded"])


async def at_work(run: Run) -> set[str]:
    """The agents who have used something of the run's budget."""
    return set((await control().usage(run.id))["agents"])
