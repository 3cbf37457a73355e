"""Report: what a demo did, in one table, and where to look further."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.console import RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from cli.run import masked
from cli.stage import Stage
from cli.terminal import PROGRAM, mark, styled, word
from evals.expectations import Expectation, chosen
from governance.runs import Record
from governance.verify import Verdict

UNTOLD = ("model", "memory", "delivery")
"""Seams that a short timeline leaves out where all went well."""


@dataclass(frozen=True)
class Played:
    """A document's run, and how it differs from what was expected."""

    expectation: Expectation
    record: Record
    deviations: Sequence[str]
    entries: Sequence[Mapping[str, Any]]

    @property
    def status(self) -> str:
        """How it ended, or `waiting`."""
        return str((self.record.outcome or {}).get("status", self.record.state))

    @property
    def used(self) -> Mapping[str, Any]:
        """What it used, by unit."""
        return dict((self.record.outcome or {}).get("usage", {}))

    @property
    def routed(self) -> Mapping[str, Any]:
        """The front door's choice, with its job and reason."""
        result = (self.record.outcome or {}).get("result", {})
        routes = (r for r in [result.get("routed"), *result.values()] if isinstance(r, dict))
        return next((route for route in routes if "pattern" in route), {})

    def to_json(self) -> dict[str, Any]:
        """For machines."""
        return {
            "file": self.expectation.file,
            "run": self.record.run.id,
            "graph": chosen(self.record),
            "why": self.routed.get("reason", ""),
            "status": self.status,
            "expected": not self.deviations,
            "deviations": list(self.deviations),
            "usage": dict(self.used),
            "masked": masked(self.record),
            "outcome": self.record.outcome,
        }


def told(entries: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """What a short timeline tells: acts, choices, people, and whatever was refused or failed."""
    for entry in entries:
        quiet = entry["kind"] == "cleared" and entry.get("seam") in UNTOLD
        if not quiet:
            yield entry


def opening(stage: Stage, expected: Sequence[Expectation]) -> list[RenderableType]:
    """What is about to happen, and who answers."""
    from models.door import configured

    choice = configured("worker")
    people = sum(e.approvals > 0 for e in expected)
    model = f"{choice.model} by {choice.provider}"
    if choice.provider == "offline":
        model = "the offline model: deterministic, in this process, and not a language model"
    text = Text.assemble(
        f"{len(expected)} documents come in; the front door sends each to the right graph. "
        f"{people} of them must ask a person.\n",
        ("model  ", "dim"), model, "\n", ("place  ", "dim"), str(stage.home),
    )  # fmt: skip
    return [Panel(text, title="tower demo", title_align="left", border_style="blue")]


def table(played: Sequence[Played]) -> list[RenderableType]:
    """One row a document: where it went and why, how it ended, what it cost."""
    rows = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    rows.add_column("document", no_wrap=True)
    rows.add_column("graph, and why")
    rows.add_column("outcome", no_wrap=True)
    rows.add_column("expected", justify="center", no_wrap=True)
    rows.add_column("tokens", justify="right", no_wrap=True)
    rows.add_column("cost", justify="right", no_wrap=True)
    rows.add_column("masked", justify="right", no_wrap=True)
    for p in played:
        rows.add_row(
            p.expectation.file,
            Text.assemble((chosen(p.record), "bold"), (f"  {p.routed.get('job', '')}", "dim")),
            word(p.status),
            styled(("no", "bold red") if p.deviations else ("yes", "green")),
            f"{p.used.get('tokens', 0):,}",
            f"{p.used.get('micros', 0) / 1_000_000:.4f}",
            str(sum(masked(p.record).values())),
        )
    return ["", rows]


def closing(played: Sequence[Played], verdict: Verdict, stage: Stage, seconds: float) -> list[RenderableType]:
    """Whether all ended as stated, whether the log is whole, and how to look further."""
    right = sum(not p.deviations for p in played)
    colour = "green" if right == len(played) else "bold red"
    ended = f"{right} of {len(played)} documents ended as stated in advance"
    return [
        styled((ended, colour), f", judged by the database, in {seconds:.1f} s"),
        styled(mark(verdict.whole), f" {PROGRAM} audit verify: {verdict.message}"),
        "",
        "Look further:",
        *(f"  {line}" for line in stage.exports),
        f"  {PROGRAM} runs",
        *(f"  {PROGRAM} show {p.record.run.id}   # {p.expectation.file}" for p in played[:2]),
        f"  {PROGRAM} audit show",
    ]
