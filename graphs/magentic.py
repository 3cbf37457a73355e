"""Magentic: a manager plans an open-ended task as a graph of steps, judges what comes back, and replans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from langgraph.graph import END, START

from graphs.pattern import Graph, PatternError, add, check_names, new_graph
from nodes.action import Action, action_node
from nodes.agent import Check
from nodes.conclude import conclude, told
from nodes.deliver import Compose, deliver_node
from nodes.investigate import assign_node, investigate_node
from nodes.judge import Bounds, judge_node
from nodes.ledger import Investigation
from nodes.plan import Reading, plan_node
from nodes.plan_review import PlanReview, review_node
from nodes.team import Agent
from nodes.worker import Worker, ledgers_for

FIRST_REVIEW = PlanReview()


def magentic(  # noqa: PLR0913 - each is a knob of its own
    manager: Agent,
    workers: Sequence[Worker],
    *,
    max_rounds: int = 6,
    max_stalls: int = 2,
    max_resets: int = 1,
    max_parallel: int = 4,
    review: PlanReview | None = FIRST_REVIEW,
    reading: Reading | None = None,
    check: Check | None = None,
    finish: Sequence[Action] = (),
    compose: Compose = told,
) -> Graph:
    """Build a graph that investigates.

    Args:
        manager: Plans and judges; its results are the two ledgers, whatever it returns elsewhere.
        workers: Who may be given a step; policy must permit the manager's route to each.
        max_rounds: Judgements in all; at the last one the run ends as `limit_reached`.
        max_stalls: Judgements in a row without progress; one more has the manager plan anew.
        max_resets: New plans; where one more were due the run ends as `limit_reached`.
        max_parallel: Steps at work at once.
        review: Who looks at a plan before it runs; None runs plans that nobody saw.
        reading: Answers plain questions with one step and no planner.
        check: Holds the manager's findings against the results.
        finish: Acts after the conclusion, such as drawing a chart.
        compose: From the conclusion to the outcome.

    Raises:
        PatternError: No workers, two of one name, one called like the manager, or a bound below its least.
    """
    check_names([manager.name, *(worker.name for worker in workers)])
    if not workers or min(max_rounds, max_parallel) < 1 or min(max_stalls, max_resets) < 0:
        msg = "give a worker; max_rounds and max_parallel are at least 1, max_stalls and max_resets 0"
        raise PatternError(msg)
    ledger, progress = ledgers_for(workers)
    planner, judging = replace(manager, returns=ledger), replace(manager, returns=progress)
    ways_out = [*(action.name for action in finish), "deliver"]
    g = new_graph(Investigation)
    shown = "review_plan" if review else "assign"
    add(g, "plan", plan_node(planner, reading=reading, then=shown), to=[shown, "conclude"])
    if review:
        add(g, "review_plan", review_node(review, ledger), to=["assign", "plan", "conclude"], human=True)
    add(g, "assign", assign_node(max_parallel=max_parallel), to=["investigate", "judge", "conclude"])
    inside = [worker.pattern for worker in workers if worker.pattern]
    # A picture has room for one graph in a node.
    only = inside[0] if len(inside) == 1 else None
    add(g, "investigate", investigate_node(planner, workers), runs=only)
    g.add_edge("investigate", "assign")
    bounds = Bounds(max_rounds, max_stalls, max_resets)
    add(g, "judge", judge_node(judging, bounds, check, then=shown), to=[shown, "plan", "conclude"])
    add(g, "conclude", conclude)
    g.add_edge("conclude", ways_out[0])
    for action, then in zip(finish, ways_out[1:], strict=True):
        add(g, action.name, action_node(action, then), to=sorted({then, "deliver"}))
    add(g, "deliver", deliver_node(compose))
    g.add_edge(START, "plan")
    g.add_edge("deliver", END)
    return g
