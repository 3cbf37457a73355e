"""The ticket office's assessors: they look at one refund side by side."""

from __future__ import annotations

from typing import Any, Literal

from langchain_core.messages import AIMessage
from pydantic import BaseModel

from nodes.team import Agent
from nodes.verdict import Verdict
from tests.second.office import agent, find_order, refund


class Opinion(Verdict):
    """Whether to refund."""

    choice: Literal["refund", "look", "refuse"]


def assessor(name: str, kind: str = "assessor", returns: type[BaseModel] = Opinion) -> Agent:
    tools = (find_order, refund) if kind == "cashier" else (find_order,)
    return agent(name, kind, tools=tools, returns=returns)


RULES, MONEY, PAST, DOUBT = (assessor(name) for name in ("rules", "money", "past", "doubt"))
ARBITER = assessor("arbiter")


def opines(choice: str, confidence: int = 80, *, why: str = "") -> AIMessage:
    """The reply that gives a verdict."""
    args: dict[str, Any] = {
        "choice": choice,
        "confidence": confidence,
        "reason": why or f"it speaks for {choice}",
        "evidence": [{"source": "find_order", "quote": f"seen: {why or choice}"}],
    }
    return AIMessage("", tool_calls=[{"name": "Opinion", "args": args, "id": ""}])
