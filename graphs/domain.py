"""A domain: the graphs, agents and records of one application, in one value."""

from __future__ import annotations

import importlib
import os
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from governance.errors import InvalidInput, TowerError
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
        graph: CompiledStateGraph[Any, Any, Any, Any] = load(module, attribute or "graph")
        return graph

    def flaws(self) -> list[str]:
        """What is wrong with graphs and contracts, in words that name the file."""
        found = []
        for name in self.graphs:
            try:
                self.graph(name)
            except TowerError as error:
                found.append(f"{name}: {error}")
            if name not in self.admission.contracts:
                found.append(f"{name}: admission has no contract for it, so nobody can start it; add one")
        for graph, contract in self.admission.contracts.items():
            if unknown := sorted({*contract} - {*self.tools}) if self.tools else []:
                found.append(f"{graph}: its contract names {', '.join(unknown)}, and there is no such tool")
        return found

    def steps(self, name: str) -> frozenset[str]:
        """Names of a graph's steps, those of nested graphs behind their own."""
        graph: Any = self.graph(name)
        nested = (f"{at}|{step}" for at, inner in graph.get_subgraphs(recurse=True) for step in inner.nodes)
        return frozenset({*graph.nodes, *nested})


@cache
def domain() -> Domain:
    """The application that `TOWER_DOMAIN` names (`graphs.desk.domain` unless set)."""
    found: Domain = load(os.environ.get("TOWER_DOMAIN", "graphs.desk.domain"), "DOMAIN")
    return found


def load(module: str, attribute: str = "") -> Any:
    """A module of the application, or what it calls so.

    Raises:
        InvalidInput: There is no such module.
        TowerError: It can't be imported or lacks the attribute; the message says at which line.
    """
    try:
        found = importlib.import_module(module)
        return getattr(found, attribute) if attribute else found
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and module.startswith(error.name or " "):
            msg = f"there is no {module}: TOWER_DOMAIN says what runs, and docs/own-domain.md what it holds"
            raise InvalidInput(msg) from error
        at = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.name == "<module>"]
        where = f" ({at[-1].filename}, line {at[-1].lineno})" if at else ""
        said = error if isinstance(error, TowerError) else f"{type(error).__name__}: {error}"
        msg = f"{module} can't be loaded{where}: {said}"
        raise TowerError(msg) from error
