"""Suites: what is evaluated, on which cases, at which layer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic_core import to_jsonable_python

from evals.floors import with_floors
from evals.rows import Row
from governance.errors import InvalidInput, TowerError
from graphs.domain import domain, load

LAYERS = ("model", "component", "output")
AGENT = "agent:"
"""Before the tag that says whose case it is: the agent's graph and name, such as `concurrent/fraud`."""


class Unjudged(TowerError):
    """What had to answer was away, so there is nothing to judge: that is no end of the agents'.

    Attributes:
        run: Whose log says more.
    """

    def __init__(self, why: str, run: str) -> None:
        super().__init__(why)
        self.run = run


@dataclass(frozen=True)
class Item:
    """One case of a suite.

    Attributes:
        data: The case itself, of whatever type its suite reads.
        tags: By which results may be grouped.
    """

    suite: str
    id: str
    split: str
    data: Any
    tags: tuple[str, ...] = ()

    @property
    def asked(self) -> Any:
        """What the case asks, as JSON."""
        return to_jsonable_python(self.data)

    def row(self, setting: Setting, layer: str, *, scores: Mapping[str, float], **found: Any) -> Row:
        """Make the case's row, with the floors of its scores beside them.

        Args:
            found: What was expected and got, and what it took, as `Row` names them.
        """
        beside = with_floors(layer, scores)
        place = (self.suite, layer, self.id, self.split, setting.repetition, beside)
        return Row(*place, tags=self.tags, **found)


@dataclass(frozen=True)
class Setting:
    """How one case is to be run.

    Attributes:
        folder: Where `prepare` has put what all cases start from.
        repetition: From 0.
        graph: The graph that cases of the output layer start; the suite's own if empty.
    """

    folder: Path
    repetition: int = 0
    graph: str = ""


Evaluate = Callable[[Item, Setting], Awaitable[Row]]


@dataclass(frozen=True)
class Suite:
    """Cases and how one of them is judged.

    Attributes:
        about: One line for people.
        dataset: The file that the cases come from; its hash goes into every experiment.
        cases: Reads them.
        metrics: What it is judged by; a case that can't be judged scores 0 in each.
        labelled: What its scores are about, where that isn't the model: `system correctness`.
    """

    name: str
    layer: str
    about: str
    dataset: Path
    cases: Callable[[], Sequence[Item]]
    evaluate: Evaluate
    metrics: tuple[str, ...]
    labelled: str = ""


@dataclass(frozen=True)
class Bench:
    """All suites of an application.

    Attributes:
        prepare: Makes what all cases start from, in a folder.
        warm: Loads in a process what its first case would otherwise pay for.
        pending: Metric → why it can't be measured yet.
        verify: What is wrong with the datasets, in words.
    """

    suites: Sequence[Suite]
    prepare: Callable[[Path], Coroutine[Any, Any, None]]
    warm: Callable[[Path], Coroutine[Any, Any, None]]
    pending: Mapping[str, str]
    verify: Callable[[], Sequence[str]]

    def chosen(self, layers: Sequence[str] = (), names: Sequence[str] = ()) -> list[Suite]:
        """Suites of these layers and names; all of them without any.

        Raises:
            InvalidInput: There is no such layer or suite, or none that is of both.
        """
        known = {suite.name for suite in self.suites}
        unknown = [*(n for n in names if n not in known), *(x for x in layers if x not in LAYERS)]
        if unknown:
            msg = (
                f"there is no {', '.join(unknown)}; layers are {', '.join(LAYERS)}, "
                f"suites {', '.join(sorted(known))}"
            )
            raise InvalidInput(msg)
        found = [
            s for s in self.suites if (not layers or s.layer in layers) and (not names or s.name in names)
        ]
        if not found:
            msg = f"of {', '.join(names)} none is of the layer {', '.join(layers)}"
            raise InvalidInput(msg)
        return found

    def asked(self, names: Collection[str]) -> dict[tuple[str, str], Any]:
        """(suite, case) → what the case asks, in these suites."""
        mine = (suite for suite in self.suites if suite.name in names)
        return {(suite.name, item.id): item.asked for suite in mine for item in suite.cases()}


def bench() -> Bench:
    """The suites of this deployment's application."""
    found: Bench = load(f"evals.{domain().name}.suites", "BENCH")
    return found
