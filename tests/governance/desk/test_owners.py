"""Somebody answers for everything of the desk."""

from __future__ import annotations

import importlib

from governance.policy import load_policy
from graphs.desk.domain import DOMAIN
from nodes.team import Agent


def test_every_agent_tool_and_policy_of_the_desk_has_an_owner():
    assert all(tool.owner for tool in DOMAIN.tools.values())
    modules = [importlib.import_module(name) for name in set(DOMAIN.graphs.values())]
    agents = [value for module in modules for value in vars(module).values() if isinstance(value, Agent)]
    assert agents
    assert all(agent.identity.owner for agent in agents)
    assert all(load_policy().owners.values())
