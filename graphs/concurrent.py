"""Concurrent: several agents examine one task side by side; their verdicts are reconciled."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Literal, cast

from langgraph.graph import END, START
from langgraph.graph.state import CompiledStateGraph

from graphs.pattern import Graph, PatternError, add, check_names, new_graph
from nodes.arbitrate import arbiter_node, ask_human_node
from nodes.branch import Crowd, branch_node, nested_node
from nodes.deliver import Compose, deliver_node
from nodes.nested import Nested
from nodes.reconcile import Panel, reconcile_node, reconciled
from nodes.resolve import Arbiter, AskHuman, HighestAuthority, Resolution, Weighted
from nodes.step import Step
from nodes.team import Agent
from nodes.verdict import TeamState, Verdict, choices_of

Member = Agent | Step | CompiledStateGraph[Any, Any, Any, Any]
"""Who looks at the task: an agent, one with a check and a fallback, or a pattern that ends in a verdict."""


def concurrent(
    agents: Sequence[Member],
    *,
    resolve: Sequence[Resolution],
    quorum: int | Literal["all", "any"] = "all",
    max_concurrency: int = 4,
    branch_timeout: timedelta = timedelta(minutes=5),
    compose: Compose = reconciled,
) -> Graph:
    """Build a graph that fans a task out to `agents` and reconciles what they find.

    Args:
        agents: Each returns a `Verdict` over the same choices; names must differ. A compiled pattern
            may stand among them, if its outcome's result is a verdict, as this pattern's is.
        resolve: Conflict policies, tried in order until one settles; `AskHuman` always does.
        quorum: Fewest verdicts for an outcome better than `failed`. Where the run's budget runs low
            and `[degrade]` declares it, no more of them begin.
        max_concurrency: Agents at work at once, those of nested patterns included. A run that was
            given a `max_concurrency` goes by that.
        branch_timeout: A branch past it is cancelled and what it still returns is discarded; waiting
            for its turn or for a person doesn't count.
        compose: From the results to the outcome.

    Raises:
        PatternError: No agents, two of one name, verdicts that can't be compared, a quorum larger
            than the team, or a resolution that names a stranger.
    """
    members = {_name(member): member for member in agents}
    asked = [each.name for each in resolve if isinstance(each, Arbiter | AskHuman)]
    check_names([*map(_name, agents), *asked, "reconcile", "deliver"] if agents else ())
    schema = _schema(agents, resolve)
    panel = Panel(tuple(members), choices_of(schema), tuple(resolve), _quorum(quorum, len(members)))
    _check_resolutions(panel)
    if max_concurrency < 1 or branch_timeout <= timedelta(0):
        msg = f"{max_concurrency} branches at once for {branch_timeout} can do nothing; both must be above 0"
        raise PatternError(msg)
    g = new_graph(TeamState)
    # Deferred: it runs once all branches have ended, also where one of them takes more than one step.
    g.add_node(
        "reconcile", cast("Any", reconcile_node(panel)), defer=True, destinations=(*asked[:1], "deliver")
    )
    crowd = Crowd({name: _agents(member) for name, member in members.items()}, panel.quorum)
    bounds: Any = {"max_concurrency": max_concurrency, "timeout": branch_timeout}
    for name, member in members.items():
        if isinstance(member, CompiledStateGraph):
            node = nested_node(member, schema, crowd, **bounds)
        else:
            node = branch_node(Step(member) if isinstance(member, Agent) else member, crowd, **bounds)
        add(g, name, node)
        g.add_edge(START, name)
        g.add_edge(name, "reconcile")
    for index, each in enumerate(resolve):
        later = [other.name for other in resolve[index + 1 :] if isinstance(other, Arbiter | AskHuman)]
        if isinstance(each, Arbiter):
            add(g, each.name, arbiter_node(panel, each), to=[*later[:1], "deliver"])
        elif isinstance(each, AskHuman):
            add(g, each.name, ask_human_node(panel, each), to=[each.name, "deliver"], human=True)
    add(g, "deliver", deliver_node(compose))
    g.add_edge("deliver", END)
    return g


def _name(member: Member) -> str:
    return member.get_name() if isinstance(member, CompiledStateGraph) else member.name


def _agents(member: Member) -> list[str]:
    """Whom the budget knows in a branch; a pattern's agents are nodes of it."""
    if isinstance(member, CompiledStateGraph):
        return list(member.nodes)
    step = Step(member) if isinstance(member, Agent) else member
    return [agent.name for agent in (step.agent, step.fallback) if agent]


def _schema(agents: Sequence[Member], resolve: Sequence[Resolution]) -> type[Verdict]:
    """The schema of the team's verdicts: one that all of them, and the arbiter, can be compared by."""
    asked = [
        *(a for member in agents if isinstance(member, Step) for a in (member.agent, member.fallback) if a),
        *(member for member in agents if isinstance(member, Agent)),
        *(each.agent for each in resolve if isinstance(each, Arbiter)),
    ]
    if any(isinstance(agent, Nested) for agent in asked):
        msg = "a branch that is a pattern is given as its compiled graph, so that its agents take the places"
        raise PatternError(msg)
    choices = {agent.name: choices_of(agent.returns) for agent in asked}
    if not asked or len(set(choices.values())) != 1 or not all(choices.values()):
        said = choices or "only patterns; add an agent or an arbiter, who says what they are"
        msg = f"all must return a Verdict over the same Literal of choices, but there are {said}"
        raise PatternError(msg)
    return cast("type[Verdict]", asked[0].returns)


def _quorum(quorum: int | Literal["all", "any"], size: int) -> int:
    fewest = {"all": size, "any": 1}.get(str(quorum), quorum)
    if not isinstance(fewest, int) or not 1 <= fewest <= size:
        msg = f"the quorum is {quorum}; it is 'all', 'any' or a number from 1 to {size}"
        raise PatternError(msg)
    return fewest


def _check_resolutions(panel: Panel) -> None:
    """Refuse a chain that can't work as it reads."""
    for index, each in enumerate(panel.resolve):
        named: set[str] = set()
        if isinstance(each, HighestAuthority):
            named = set(each.order)
            if each.only not in (None, *panel.choices):
                msg = f"{each.name} is only for {each.only!r}; choices are {', '.join(panel.choices)}"
                raise PatternError(msg)
        elif isinstance(each, Weighted) and each.weights is not None:
            named = set(each.weights)
            if named != set(panel.branches) or min(each.weights.values()) < 1:
                msg = f"weights must be above 0 and name every branch: {', '.join(panel.branches)}"
                raise PatternError(msg)
        if named - set(panel.branches):
            msg = f"{each.name} names {sorted(named - set(panel.branches))}; branches are {panel.branches}"
            raise PatternError(msg)
        if isinstance(each, AskHuman) and index + 1 < len(panel.resolve):
            msg = "AskHuman always settles, so nothing after it is ever tried; put it last"
            raise PatternError(msg)
