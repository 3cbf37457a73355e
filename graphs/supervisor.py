"""Supervisor: a manager gives tasks to workers, which may be patterns themselves, until it can answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal, get_args, get_origin

from langgraph.graph import END, START

from graphs.pattern import Graph, PatternError, add, check_names, new_graph
from graphs.sequential import sequential
from nodes.assign import FINISH, Assignment, TeamState
from nodes.assignee import Assignee, team_outcome, worker_node
from nodes.deliver import Compose, deliver_node
from nodes.escalate import escalate
from nodes.manage import manager_node
from nodes.nested import Compiled, Nested, standing
from nodes.step import Step
from nodes.team import Agent


def supervisor(
    manager: Agent,
    workers: Mapping[str, Assignee | Agent | Step | Compiled],
    *,
    max_rounds: int = 6,
    compose: Compose | None = None,
) -> Graph:
    """Build a graph in which a manager assigns tasks, one at a time, and finishes with an answer.

    An assignment is refused, and the manager told why, where there is no such worker, where it was
    made before, or where policy has no such edge; one that drifts from the request stops the run.
    What the manager can't settle goes to a person. Limits of a worker are in `limits.toml`, under
    `workers.NAME`.

    Args:
        manager: Returns an `Assignment`; its `worker` may be a `Literal` of the names and `finish`.
        workers: Name → who does it. An agent works in a graph of its own, with repairs and a person
            behind it; a compiled pattern needs an `Assignee` that says its job.
        max_rounds: Assignments at most; one more ends the run as `limit_reached`.
        compose: From the workers' outcomes to the outcome; the manager's answer over them by default.

    Raises:
        PatternError: The manager returns something else, names don't match, or a job is missing.
    """
    check_names([manager.name, *workers, "escalate", "deliver", FINISH])
    team = {name: _assignee(name, worker) for name, worker in workers.items()}
    _check(manager, team, max_rounds)
    g = new_graph(TeamState)
    identities = {name: replace(_agent(assignee).identity, name=name) for name, assignee in team.items()}
    node = manager_node(manager, identities, max_rounds)
    add(g, manager.name, node, to=[*team, "escalate", "deliver"])
    for name, assignee in team.items():
        add(g, name, worker_node(name, _graph(name, assignee), assignee))
        g.add_edge(name, manager.name)
    add(g, "escalate", escalate, to=[manager.name, "deliver"], human=True)
    add(g, "deliver", deliver_node(compose or team_outcome(manager.name)))
    g.add_edge(START, manager.name)
    g.add_edge("deliver", END)
    return g


def _assignee(name: str, worker: Assignee | Agent | Step | Compiled) -> Assignee:
    assignee = worker if isinstance(worker, Assignee) else Assignee(worker)
    job = assignee.job or _agent(assignee).job
    if not job:
        msg = f"nobody is told what {name} is for; give it a job: Assignee(graph, job=…)"
        raise PatternError(msg)
    return Assignee(assignee.does, job, assignee.context, assignee.sees)


def _agent(assignee: Assignee) -> Agent:
    return assignee.does.agent if isinstance(assignee.does, Step) else standing(assignee.does)


def _graph(name: str, assignee: Assignee) -> Compiled:
    agent = _agent(assignee)
    return agent.graph if isinstance(agent, Nested) else sequential([assignee.does]).compile(name=name)


def _check(manager: Agent, team: Mapping[str, Assignee], max_rounds: int) -> None:
    if not manager.returns or not issubclass(manager.returns, Assignment):
        msg = f"{manager.name} must return an Assignment, so that what it decides can be checked"
        raise PatternError(msg)
    named = manager.returns.model_fields["worker"].annotation
    offered = set(get_args(named)) if get_origin(named) is Literal else {*team, FINISH}
    if offered != {*team, FINISH}:
        msg = f"{manager.name} may name {sorted(offered)}, but there are {sorted(team)} and {FINISH}"
        raise PatternError(msg)
    blind = {seen for assignee in team.values() for seen in assignee.sees} - set(team)
    if blind or max_rounds < 1:
        msg = f"sees names no worker: {sorted(blind)}" if blind else "max_rounds must be at least 1"
        raise PatternError(msg)
