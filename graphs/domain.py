"""A domain: the graphs, agents and records of one application, in one value."""

from __future__ import annotations

import importlib
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from governance.errors import TowerError
from nodes.admission import Admission
from tools.registry import Toolbox
from tools.remote.system import System

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph


@dataclass(frozen=True)
class Domain:
    """What the command line and the server need to know of an application.

    Attributes:
        graphs: Name → module, or `module:attribute`; its `graph` is compiled without a checkpointer.
        prepare: Makes databases and indexes ready; idempotent, and fast the second time.
        readiness: Findings about the quality of the data, by tenant.
        systems: Other systems that answer some of its tools; the demo starts them beside it.
        tools: By name, so that people can undo, settle and look at what agents did.
    """

    name: str
    graphs: Mapping[str, str]
    admission: Admission
    prepare: Callable[[], Awaitable[None]]
    readiness: Callable[[str], Awaitable[list[Any]]]
    systems: Sequence[System] = ()
    tools: Toolbox = field(default_factory=lambda: Toolbox(()))

    def graph(self, name: str) -> CompiledStateGraph[Any, Any, Any, Any]:
        """The compiled graph of this name.

        Raises:
            TowerError: There is none.
        """
        if name not in self.graphs:
            msg = f"there is no graph {name}; there are {', '.join(self.graphs)}"
            raise TowerError(msg)
        module, _, attribute = self.graphs[name].partition(":")
        graph: CompiledStateGraph[Any, Any, Any, Any] = getattr(
            importlib.import_module(module), attribute or "graph"
        )
        return graph

    def steps(self, name: str) -> frozenset[str]:
        """Names of a graph's steps, those of nested graphs behind their own."""
        graph: Any = self.graph(name)
        nested = (f"{at}|{step}" for at, inner in graph.get_subgraphs(recurse=True) for step in inner.nodes)
        return frozenset({*graph.nodes, *nested})


@cache
def domain() -> Domain:
    """The application that `TOWER_DOMAIN` names (`graphs.desk.domain` unless set)."""
    module = os.environ.get("TOWER_DOMAIN", "graphs.desk.domain")
    found: Domain = importlib.import_module(module).DOMAIN
    return found
