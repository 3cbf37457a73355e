"""Guards: what a team of talking agents must have, checked when its graph is built."""

from __future__ import annotations

import re
import warnings
from collections.abc import Collection, Iterable, Sequence
from itertools import combinations

from graphs.pattern import Graph, PatternError
from nodes.nested import Nested
from nodes.team import Agent

SPEAKERS = 3
"""Above this a group talks more than it settles."""

SAME_JOB = 0.8
"""Share of words in common from which two jobs are one."""

_WORD = re.compile(r"[^\W_]+")
_FILLING = frozenset(
    {"a", "an", "and", "by", "for", "from", "in", "is", "it", "of", "on", "or", "the", "to", "with"}
)


class TeamWarning(UserWarning):
    """A team that works and is likely to cost more than it gives."""


def check_owner(owner: str, names: Collection[str]) -> None:
    """Refuse a team in which nobody by name answers for the result.

    Raises:
        PatternError: The owner isn't a member.
    """
    if owner not in names:
        msg = f"{owner or 'nobody'} can't own the decision; name one member as owner: {', '.join(names)}"
        raise PatternError(msg)


def check_size(agents: Sequence[Agent], because: str) -> None:
    """Warn above three speakers, unless the team says why it needs more.

    Args:
        because: The reason; kept where the team is built, for whoever reads it.
    """
    if len(agents) > SPEAKERS and not because:
        msg = (
            f"{len(agents)} speakers, more than {SPEAKERS}: each adds model calls and seldom a view; "
            "drop some, or say why with many=…"
        )
        warnings.warn(msg, TeamWarning, stacklevel=3)


def check_jobs(agents: Sequence[Agent]) -> None:
    """Refuse two agents with the same job, word for word or nearly, and a pattern without any.

    Raises:
        PatternError: There are such.
    """
    if idle := [agent.name for agent in agents if isinstance(agent, Nested) and not agent.job]:
        msg = f"nobody is told what {' and '.join(idle)} is for; give it a job: Nested(graph=…, job=…)"
        raise PatternError(msg)
    for one, other in combinations(agents, 2):
        words, others = _words(one.job), _words(other.job)
        if len(words & others) >= SAME_JOB * len(words | others):
            msg = f"{one.name} and {other.name} have one job: {other.job!r}; merge them or tell them apart"
            raise PatternError(msg)


def check_human_path(graph: Graph, agents: Iterable[str]) -> None:
    """Refuse a graph in which an agent's work can't come to a person.

    Raises:
        PatternError: From an agent's node no node leads on to one in which a person decides.
    """
    people = {name for name, node in graph.nodes.items() if (node.metadata or {}).get("human")}
    for name in agents:
        if not people & _reached(graph, name):
            msg = f"{name} has no way to a person; lead it to `escalate` or to a review"
            raise PatternError(msg)


def _reached(graph: Graph, start: str) -> set[str]:
    reached, waiting = set[str](), [start]
    while waiting:
        here = waiting.pop()
        if here in reached or here not in graph.nodes:
            continue
        reached.add(here)
        waiting += [end for begin, end in graph.edges if begin == here]
        waiting += graph.nodes[here].ends or ()
        waiting += [end for branch in graph.branches[here].values() for end in (branch.ends or {}).values()]
    return reached


def _words(text: str) -> set[str]:
    spoken = (word.casefold() for word in _WORD.findall(text))
    return {word.removesuffix("s") for word in spoken if word not in _FILLING} or {text.strip().casefold()}
