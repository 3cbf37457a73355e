"""Agents: which cases judge one agent alone, and how each agent does in them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from evals.rows import Row, aggregate
from evals.suites import AGENT, Item, Suite
from governance.errors import InvalidInput


def agent_of(tags: Iterable[str]) -> str:
    """Whose case it is, such as `concurrent/fraud`; nobody's alone if empty."""
    return next((tag.removeprefix(AGENT) for tag in tags if tag.startswith(AGENT)), "")


def is_of(item: Item, names: Sequence[str]) -> bool:
    """Whether a case is of one of these agents: `concurrent/fraud`, or `fraud` in whichever graph."""
    agent = agent_of(item.tags)
    return agent in names or agent.rpartition("/")[2] in names


def of_agents(suites: Sequence[Suite], names: Sequence[str]) -> list[Suite]:
    """The suites that have cases of these agents; all without any names.

    Raises:
        InvalidInput: One of them has no cases.
    """
    if not names:
        return list(suites)
    items = {suite.name: suite.cases() for suite in suites}
    for name in names:
        if not any(is_of(item, [name]) for mine in items.values() for item in mine):
            known = sorted({agent_of(item.tags) for mine in items.values() for item in mine} - {""})
            msg = f"there are no cases of {name!r} in these suites; there are of {', '.join(known)}"
            raise InvalidInput(msg)
    return [suite for suite in suites if any(is_of(item, names) for item in items[suite.name])]


Done = dict[tuple[str, str], dict[str, tuple[float, int]]]
"""Agent and suite → split → mean of the suite's first metric, and the number of cases that have it."""


def by_agent(rows: Sequence[Row], suites: Sequence[Suite]) -> Done:
    """How each agent does."""
    primary = {suite.name: suite.metrics[0] for suite in suites}
    found: defaultdict[tuple[str, str], dict[str, list[Row]]] = defaultdict(dict)
    for row in sorted(rows, key=lambda row: (agent_of(row.tags), row.split)):
        if agent := agent_of(row.tags):
            found[agent, row.suite].setdefault(row.split, []).append(row)
    return {
        (agent, suite): {split: aggregate(mine, primary[suite]) for split, mine in splits.items()}
        for (agent, suite), splits in found.items()
    }
