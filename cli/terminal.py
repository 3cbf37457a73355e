"""Terminal: where results, progress and errors go, and what the exit code says."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import IntEnum
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn

import typer

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table
    from rich.text import Text

PLAIN_WIDTH = 100
PROGRAM = shlex.quote(os.environ.get("TOWER_PROGRAM", "tower"))
"""How whoever reads it can type it: `./tower` in a checkout."""
NAMED = re.compile(r"(?m)(?:(?<=`)|(?<=: )|(?<=  )|^)tower (?=[a-z…])")
"""The command as messages, records and the log write it, wherever they are read; no other tower."""

Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, for machines.")]


class Exit(IntEnum):
    """Exit codes, the same for every command."""

    COMPLETED = 0
    FAILED = 1
    USAGE = 2
    WAITING = 3
    REFUSED = 4
    INTERRUPTED = 130
    DRAINED = 143


EXIT_OF = {
    "completed": Exit.COMPLETED,
    "denied": Exit.REFUSED,
    "rejected": Exit.REFUSED,
    "escalated": Exit.REFUSED,
    "cancelled": Exit.REFUSED,
}
"""Outcome → exit code; every other outcome is a failure."""

COLOURS = {
    "completed": "green",
    "partial": "yellow",
    "waiting": "yellow",
    "escalated": "yellow",
    "denied": "red",
    "rejected": "red",
    "failed": "red",
}


def console(*, error: bool = False) -> Console:
    """A console for stdout or stderr; where nobody sees it as wide as COLUMNS says, or 100 columns."""
    from rich.console import Console

    stream = sys.stderr if error else sys.stdout
    width = None if stream.isatty() or os.environ.get("COLUMNS", "").isdigit() else PLAIN_WIDTH
    # Markup stays off: what people and documents say is shown as it is, brackets too.
    return Console(stderr=error, width=width, highlight=False, soft_wrap=False, markup=False)


def say(*parts: RenderableType) -> None:
    """Print for a person."""
    out = console()
    for part in parts:
        out.print(typed(part) if isinstance(part, str) else part)


def typed(text: str) -> str:
    """A text of ours in which each command is one that its reader can type."""
    return NAMED.sub(f"{PROGRAM} ", text)


def styled(*parts: str | tuple[str, str]) -> Text:
    """One line of parts, some of them with a style."""
    from rich.text import Text

    return Text.assemble(*parts)


def table_of(*columns: str) -> Table:
    """A table with these columns, of which words are folded and none is cut; > starts those of numbers."""
    from rich.table import Table

    table = Table(box=None, header_style="dim", pad_edge=False)
    for name in columns:
        number = name.startswith(">")
        justify: Literal["left", "right"] = "right" if number else "left"
        table.add_column(name.removeprefix(">"), justify=justify, no_wrap=number, overflow="fold")
    return table


def mark(good: bool) -> tuple[str, str]:
    """A tick or a cross, in its colour."""
    return ("✓", "green") if good else ("✗", "bold red")


def dump(value: Any) -> None:
    """Print for a machine."""
    import json

    sys.stdout.write(json.dumps(value, ensure_ascii=False, default=str, indent=2) + "\n")
    sys.stdout.flush()


def tell(value: Any, *parts: RenderableType, json: bool) -> None:
    """Print a value for a machine, or what says the same to a person."""
    if json:
        dump(value)
    else:
        say(*parts)


def complain(message: str) -> None:
    """Print an error as one paragraph."""
    console(error=True).print(styled(("error: ", "bold red"), typed(message)))


def word(status: str) -> Text:
    """A status in its colour."""
    return styled((status, f"bold {COLOURS.get(status, 'yellow')}"))


def exit_code(status: str | None) -> Exit:
    """The exit code of a run that ended so, or that waits for a person (None)."""
    return EXIT_OF.get(status, Exit.FAILED) if status else Exit.WAITING


def finish(work: Coroutine[Any, Any, int | None]) -> NoReturn:
    """Run a command's work and exit with its code, 0 unless it has one; an interrupt is 130."""
    import asyncio

    try:
        code = asyncio.run(work)
    except KeyboardInterrupt:
        code = Exit.INTERRUPTED
    raise typer.Exit(int(code or 0))


def euros(args: Mapping[str, Any]) -> dict[str, str]:
    """Arguments as a person reads them: amounts, which are integer cents, in EUR as well."""
    return {
        name: f"{value}  ({value / 100:,.2f} EUR)"
        if name in ("amount", "payable") and isinstance(value, int)
        else str(value)
        for name, value in args.items()
    }


class Progress:
    """What agents do while they do it, on a terminal's stderr; silent anywhere else."""

    def __init__(self, label: str, *, quiet: bool = False) -> None:
        self._console = console(error=True)
        self._shown = not quiet and sys.stderr.isatty()
        self._label = label
        self._status = self._console.status(label) if self._shown else None

    @contextmanager
    def running(self) -> Iterator[Progress]:
        """Show a spinner until the work is done."""
        if self._status is None:
            yield self
            return
        with self._status:
            yield self

    def step(self, agent: str, calls: Sequence[str]) -> None:
        """An agent spoke, and called these tools."""
        if self._status is None:
            return
        called = f" → {', '.join(calls)}" if calls else ""
        self._console.print(f"  {agent}{called}", style="dim")
        self._status.update(f"{self._label} · {agent}")
