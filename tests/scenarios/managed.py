"""A team of teams in the ticket office: a boss, a foreman under it, and those who do the work."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from langchain_core.messages import AIMessage
from langgraph.graph.state import CompiledStateGraph

from governance.control import ControlPlane, use_control
from governance.limits import WorkerLimit
from graphs.sequential import sequential
from graphs.supervisor import supervisor
from models.scripted import ScriptedChatModel
from nodes.assign import Assignment
from nodes.assignee import Assignee
from tests.scenarios.conftest import Office, calls, says
from tests.second.office import STEPS, A, agent, find_order

BOSS = agent("boss", "boss", returns=Assignment)
FOREMAN = agent("foreman", "boss", returns=Assignment)
CLERK = agent("clerk", "reader", tools=(find_order,))
SMALL = {"order_id": "T-001", "amount": 4000}
LARGE = {"order_id": "T-002", "amount": 90_000}
YES = {"refund": True, "reason": "it was cancelled"}


def assigns(worker: str, task: str = "", **more: Any) -> AIMessage:
    return calls("Assignment", worker=worker, task=task, reason="it is their job", **more)


def finishes(answer: str = "done") -> AIMessage:
    return assigns("finish", answer=answer)


def team_of_teams(saver: Any = None) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Boss → foreman → the chain that refunds; a clerk beside each."""
    chain = sequential(STEPS).compile(name="chain")
    inner = supervisor(
        FOREMAN, {"inspect": CLERK, "chain": Assignee(chain, job="Refund an order.", context="shared")}
    )
    outer = supervisor(
        BOSS,
        {"clerk": CLERK, "team": Assignee(inner.compile(name="team"), job="Handle it.", context="shared")},
    )
    return outer.compile(name="supervisor", checkpointer=saver)


def flat(saver: Any, **knobs: Any) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Two workers under one boss."""
    workers = {"a": A, "b": agent("b", "cashier", tools=(find_order,))}
    return supervisor(BOSS, workers, **knobs).compile(name="supervisor", checkpointer=saver)


def limit(desk: Office, worker: str, **most: Any) -> None:
    """Hold a worker to limits, as `workers.NAME` in limits.toml would."""
    plane = desk.plane
    limits = replace(plane.limits, workers={worker: WorkerLimit(**most)})
    desk.plane = ControlPlane(plane.settings, plane.store, plane.policy, limits, plane.vault, plane.clock)
    use_control(desk.plane)


def whole_story(order: dict[str, Any], clerk: AIMessage | None = None) -> ScriptedChatModel:
    """Everybody's lines for one refund, from the boss's first word to its last."""
    number = order["order_id"]
    look = [calls("find_order", order_id=number), clerk or says("It is there.")]
    return ScriptedChatModel(
        scripts={
            "Job of boss.": [
                assigns("clerk", f"Find the order {number}."), assigns("team"), finishes("All done."),
            ],
            "Job of foreman.": [
                assigns("inspect", f"Look at the order {number}."), assigns("chain"), finishes("Refunded."),
            ],
            "Job of clerk.": [*look, *look],
            "Job of read.": [calls("Facts", **order)],
            "Job of judge.": [calls("Verdict", **YES)],
        }
    )  # fmt: skip
