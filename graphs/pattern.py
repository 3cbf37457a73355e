"""What every pattern starts from: one state, one context, and errors when a team makes no sense."""

from __future__ import annotations

from collections.abc import Iterable

from langgraph.graph import StateGraph

from governance.errors import TowerError
from nodes.state import Context, RunOutput, RunState, TaskInput

Graph = StateGraph[RunState, Context, TaskInput, RunOutput]


class PatternError(TowerError):
    """The pattern can't be built like this."""


def new_graph() -> Graph:
    """An empty graph with the schemas that all patterns share."""
    return StateGraph(RunState, input_schema=TaskInput, output_schema=RunOutput, context_schema=Context)


def check_names(names: Iterable[str]) -> None:
    """Refuse two nodes of one name.

    Raises:
        PatternError: There are two, or none.
    """
    seen: set[str] = set()
    for name in names:
        if name in seen:
            msg = f"two members are called {name}; names must differ"
            raise PatternError(msg)
        seen.add(name)
    if not seen:
        msg = "a pattern needs at least one member"
        raise PatternError(msg)
