"""Charts: the numbers of a report as a picture, one file a run."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated
from uuid import uuid4

import leather
from pydantic import BaseModel, Field

from governance.settings import Settings
from tools.desk.terms import Record
from tools.spec import Caller, tool

COLOUR = "#2f6f9f"
WIDTH, HEIGHT = 760, 460
"""Pixels of one chart."""

Label = Annotated[str, Field(min_length=1, max_length=40)]
RunId = Annotated[str, Field(pattern=r"^run-[\w-]+$", description="The run whose chart it is")]


class Bar(BaseModel):
    """One bar; the number as text, since policy weighs no floats."""

    label: Label
    value: Annotated[str, Field(pattern=r"^\d{1,15}(\.\d{1,2})?$")]


class Panel(BaseModel):
    """One chart of the picture."""

    title: Annotated[str, Field(min_length=1, max_length=90)]
    bars: Annotated[list[Bar], Field(min_length=1, max_length=36)]


class Chart(Record):
    """Where a picture lies."""

    run_id: str
    path: str


@tool(
    owner="insight", writes=True, idempotent=True, undo="remove_chart", data=("statistics",), needs=("desk",)
)
async def draw_chart(
    panels: Annotated[list[Panel], Field(min_length=1, max_length=4, description="Charts of the picture")],
    *,
    caller: Caller,
) -> Chart:
    """Draw the numbers of a report as bar charts into one SVG file."""
    path = _path(caller.run_id)
    await asyncio.to_thread(_draw, panels, path)
    return Chart(run_id=caller.run_id, path=str(path))


@tool(owner="insight", writes=True, idempotent=True, data=("statistics",), needs=("desk",))
async def remove_chart(run_id: RunId, *, caller: Caller) -> Chart:
    """Remove the picture that a run drew."""
    del caller
    path = _path(run_id)
    await asyncio.to_thread(path.unlink, missing_ok=True)
    return Chart(run_id=run_id, path=str(path))


def _path(run_id: str) -> Path:
    return Settings.from_env().home / "reports" / f"{run_id}.svg"


def _draw(panels: list[Panel], path: Path) -> None:
    grid = leather.Grid()
    for panel in panels:
        chart = leather.Chart(panel.title)
        bars = [(float(bar.value), bar.label) for bar in panel.bars]
        if all(label[:4].isdigit() for _, label in bars):  # months go from left to right
            chart.add_columns([(label, value) for value, label in bars], fill_color=COLOUR)
        else:
            chart.add_bars(bars, fill_color=COLOUR)
        grid.add_one(chart)
    columns = 1 if len(panels) == 1 else 2
    rows = -(-len(panels) // columns)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Whoever reads it sees the old picture or the new one, never half of one.
    draft = path.with_suffix(f".{uuid4().hex}.tmp")
    draft.write_text(grid.to_svg(width=columns * WIDTH, height=rows * HEIGHT), encoding="utf-8")
    draft.replace(path)
