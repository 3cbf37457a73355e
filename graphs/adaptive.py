"""Adaptive: a front door that picks the simplest pattern for a request, says why, and learns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, get_args

from langgraph.graph import END, START
from langgraph.graph.state import CompiledStateGraph

from governance.outcome import Status
from graphs.pattern import Graph, PatternError, add, check_names, new_graph
from nodes.choose import choose_node
from nodes.deliver import deliver_node
from nodes.examine import Examination
from nodes.ladder import QUALITY, WEIGH, rung_node, weigh_node
from nodes.selection import Job
from nodes.team import Agent


def adaptive(
    chooser: Agent,
    jobs: Sequence[Job],
    patterns: Mapping[str, CompiledStateGraph[Any, Any, Any, Any]],
    *,
    max_climbs: int = 2,
    examiner: Agent | None = None,
) -> Graph:
    """Build a front door over compiled patterns.

    Args:
        chooser: Returns a schema with `job` (one of the names), `reason`, and, where it can plan, `plan`
            (a list of `nodes.topology.Task`); it names no pattern.
        jobs: Classes of task. A rung that isn't among `patterns` is left out of its ladder, and where
            none is left a person gets the request.
        patterns: Name → graph.
        max_climbs: How often a run may go one rung up after an outcome that doesn't pass the gate.
        examiner: Returns an `Examination`: what of the request an answer leaves open doesn't pass the
            gate either. It is asked only where its model can judge, and in its absence nobody is.

    Raises:
        PatternError: The chooser may name other jobs than there are, or no ladder leads to a pattern.
    """
    check_names(patterns)
    check_names(job.name for job in jobs)
    field = chooser.returns.model_fields.get("job") if chooser.returns else None
    offered = set(get_args(field.annotation)) if field else set()
    if offered != {job.name for job in jobs}:
        msg = f"{chooser.name} may name {sorted(offered)}, but the jobs are {sorted(j.name for j in jobs)}"
        raise PatternError(msg)
    known = {job.name: replace(job, ladder=tuple(p for p in job.ladder if p in patterns)) for job in jobs}
    idle = set(patterns) - {pattern for job in known.values() for pattern in job.ladder}
    if idle:
        msg = f"no job's ladder leads to {', '.join(sorted(idle))}; name it there or leave it out"
        raise PatternError(msg)
    if examiner and examiner.returns is not Examination:
        msg = f"{examiner.name} must return an Examination, so that its verdict is never read out of prose"
        raise PatternError(msg)
    climbs = dict.fromkeys(pattern for job in known.values() for pattern in job.ladder[1:])
    g = new_graph()
    add(g, chooser.name, choose_node(chooser, known), to=[*patterns, "deliver"])
    for name, graph in patterns.items():
        add(g, name, rung_node(name, graph, chooser, max_climbs))
        g.add_edge(name, WEIGH)
    add(g, WEIGH, weigh_node(chooser, known, max_climbs, examiner), to=[*climbs, "deliver"])
    add(g, "deliver", deliver_node(_pass_on))
    g.add_edge(START, chooser.name)
    g.add_edge("deliver", END)
    return g


def _pass_on(results: Mapping[str, Any]) -> dict[str, Any]:
    """The last rung's outcome, with the choice beside its result and what was tried among the reasons."""
    choice: Any = next((result for result in results.values() if "ladder" in result), None)
    if choice is None:
        return {"result": dict(results)}
    routed = {"job": choice["job"], "rule": choice["rule"]["because"], "reason": choice["reason"]}
    tried = results.get(WEIGH, {}).get("tried", ())
    if not tried:
        return {"result": {"routed": routed}}
    last = tried[-1]
    outcome, below = results[last["pattern"]], [f"{rung['pattern']}: {rung['flaw']}" for rung in tried[:-1]]
    passed = {key: outcome[key] for key in ("answer", "evidence", "dissent", "undone", "status")}
    reasons = [*below, *outcome["reasons"]]
    if last["flaw"] and outcome["status"] in QUALITY:
        passed["status"] = Status.ESCALATED
        reasons.append(f"{last['pattern']}: {last['flaw']}")
    if last["flaw"] and len(choice["ladder"]) > 1:
        reasons.append(f"{last['pattern']}: {last['stopped']}")
    result = {**outcome["result"], "routed": {"pattern": last["pattern"], **routed}}
    return passed | {"reasons": reasons, "result": result}
