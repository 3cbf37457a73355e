"""Sabotage command: does the gate find what is planted, and does it let harmless changes pass."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.terminal import Exit, mark, say, styled

SHOWN = 90
"""Characters of what was found."""


def sabotage(
    only: Annotated[list[str] | None, typer.Option(help="Only this change; may be repeated.")] = None,
    max_concurrency: Annotated[int, typer.Option(min=1, help="Changes at work at once.")] = 2,
) -> None:
    """Plant faults and harmless changes.

    Each fault must be found where it is; what is harmless must pass.
    """
    from evals.sabotage import campaign
    from graphs.domain import domain, load

    planted = load(f"evals.{domain().name}.sabotage")
    chosen = [change for change in planted.CHANGES if not only or change.name in only]
    if not chosen:
        say(f"there is no such change; there are {', '.join(c.name for c in planted.CHANGES)}")
        raise typer.Exit(Exit.USAGE)
    wrong = []
    for result in campaign(chosen, planted.find, workers=max_concurrency):
        kind = "fault" if result.change.found_by else "harmless"
        found = f"found by {', '.join(result.layers)}" if result.layers else "nothing found"
        moved = f"; {result.moved} of {result.cases} cases moved" if result.cases else ""
        say(styled(mark(result.good), f" {kind}: {result.change.name}: {result.state}, {found}{moved}"))
        if not result.good or result.change.found_by:
            say(*(styled((f"    {line[:SHOWN]}", "dim")) for line in result.said[:2]))
        if not result.good:
            wrong.append(result.change.name)
    say(f"{len(chosen) - len(wrong)} of {len(chosen)} as they should be")
    raise typer.Exit(Exit.FAILED if wrong else Exit.COMPLETED)
