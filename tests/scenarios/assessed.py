"""A fan-out of the ticket office: its team, and what each of them says."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from langgraph.graph.state import CompiledStateGraph

from graphs.concurrent import concurrent
from models.door import use_model
from models.scripted import Script, ScriptedChatModel
from nodes.resolve import Arbiter, AskHuman, Vote
from tests.scenarios.conftest import Office, calls
from tests.second.assessors import ARBITER, DOUBT, MONEY, PAST, RULES, opines
from tests.second.office import IBANS

Graph = CompiledStateGraph[Any, Any, Any, Any]
LEAD = AskHuman(role="claims-lead")
A_MOMENT = timedelta(seconds=1)  # enough for a branch that has nothing to wait for


def team(desk: Office, *agents: Any, **knobs: Any) -> Graph:
    knobs = {"resolve": [Vote()], "quorum": 2} | knobs
    return concurrent(agents or [RULES, MONEY, PAST], **knobs).compile(
        name="concurrent", checkpointer=desk.saver
    )


def say(**scripts: Script) -> ScriptedChatModel:
    """Let each agent say its own lines."""
    model = ScriptedChatModel(scripts={f"Job of {name}.": script for name, script in scripts.items()})
    use_model(model)
    return model


BROKEN = [RuntimeError("the provider is away")] * 2


ROOT = Path(__file__).parent.parent.parent


async def refunds_first(desk: Office) -> Script:
    token = await desk.plane.vault.token("harbor", "iban", IBANS["ann"])
    return [calls("refund", order_id="T-001", amount=4000, iban=token), opines("refund")]


def tied(**more: Script) -> ScriptedChatModel:
    return say(
        rules=[opines("refund", 70, why="the rules allow it")],
        money=[opines("refund", 75)],
        past=[opines("refuse", 90, why="it was refunded before")],
        doubt=[opines("refuse", 60)],
        **more,
    )


FOUR = (RULES, MONEY, PAST, DOUBT)
CHAIN = {"resolve": [Vote(), Arbiter(ARBITER), LEAD], "quorum": "all"}
