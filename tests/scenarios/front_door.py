"""The front door of the ticket office: patterns whose chances are set, and what it was that it chose."""

from __future__ import annotations

import random
from collections.abc import Mapping
from functools import cache
from typing import Any

from langgraph.graph import END, START
from langgraph.graph.state import CompiledStateGraph

from governance.choices import explanations
from graphs.adaptive import adaptive
from graphs.handoff import handoff
from graphs.pattern import add, new_graph
from graphs.sequential import sequential
from graphs.single import single
from nodes.deliver import deliver_node
from nodes.topology import Task
from tests.scenarios.conftest import Office, Run, calls
from tests.second import office

Graph = CompiledStateGraph[Any, Any, Any, Any]


def graph(text: str) -> list[Task]:
    """`a:skill* < b c; …`: task a of a skill, with tools, that needs b and c."""
    made = []
    for part in filter(None, (part.strip() for part in text.split(";"))):
        head, _, needs = part.partition("<")
        name, _, skill = head.strip().rstrip("*").partition(":")
        made.append(Task(name=name, skill=skill or name, tools="*" in head, needs=needs.split()))
    return made


def coin(name: str, chance: Mapping[str, float], seed: random.Random) -> Graph:
    """A pattern that solves a share of its requests."""

    async def work(state: Any) -> dict[str, Any]:
        if seed.random() < chance[name]:
            return {"results": {"work": {"answer": f"done by {name}"}}}
        return {"faults": [{"status": "failed", "step": "work", "reason": f"{name} could not"}]}

    g = new_graph()
    add(g, "work", work)
    add(g, "deliver", deliver_node())
    g.add_edge(START, "work")
    g.add_edge("work", "deliver")
    g.add_edge("deliver", END)
    return g.compile(name=name)


@cache
def patterns() -> dict[str, Graph]:
    return {
        "single": single(office.CASHIER).compile(name="single"),
        "handoff": handoff([office.A, office.B], edges={"a": ["b"], "b": ["a"]}).compile(name="handoff"),
        "sequential": sequential(office.STEPS).compile(name="sequential"),
    }


def front_door(desk: Office, graphs: Mapping[str, Graph] | None = None, **more: Any) -> Graph:
    jobs = more.pop("jobs", office.JOBS)
    built = adaptive(office.DOOR, jobs, graphs or patterns(), **more)
    return built.compile(name="adaptive", checkpointer=desk.saver)


def picks(job: str, **more: Any) -> Any:
    return calls("Choice", job=job, reason="it says so", **more)


def answer(run: Run, kind: str, **more: Any) -> dict[str, Any]:
    return {"approval_id": run.waiting[0]["approval_id"], "type": kind, **more}


async def why(run: Run) -> list[Mapping[str, Any]]:
    return [choice.body for choice in await explanations(run.office.plane, run.id)]
