"""Place: which run a node works for and where in it, from what the server set and never from state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_core.runnables import RunnableConfig

from governance.control import control
from governance.errors import Denied
from governance.principals import Actor, AgentIdentity, Run

RUN_KEY = "tower_run"
PATH_KEY = "tower_path"
"""Both are stripped from what clients send; admission and delegation set them."""


async def current_run(config: RunnableConfig) -> Run:
    """The run that admission opened.

    Raises:
        Denied: The graph was started past the front door.
    """
    run_id = config.get("configurable", {}).get(RUN_KEY)
    if not run_id:
        msg = "this run was not admitted; start it with `tower run` or through the server"
        raise Denied(msg)
    return await control().run(run_id)


def path_of(config: RunnableConfig) -> str:
    """Where a nested graph stands in its parents, such as `adaptive/sequential`; empty at the root."""
    return str(config.get("configurable", {}).get(PATH_KEY, ""))


def position_at(step: str, state: Mapping[str, Any], config: RunnableConfig) -> str:
    """A place that is the same whenever this visit of this step is executed again."""
    visit = state.get("visits", {}).get(step, 0)
    return "/".join(part for part in (path_of(config), step, str(visit)) if part)


async def actor_at(
    agent: AgentIdentity, step: str, state: Mapping[str, Any], config: RunnableConfig
) -> Actor:
    """The agent at the step's position."""
    await control().register_agent(agent)
    return Actor(agent, await current_run(config), position_at(step, state, config))
