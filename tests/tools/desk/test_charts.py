"""Charts: a picture that any reader opens, of exactly the numbers given, one a run, and removable."""

from __future__ import annotations

import asyncio
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from pydantic import ValidationError

from tools.desk.charts import draw_chart, remove_chart
from tools.spec import Caller

CALLER = Caller("harbor", "sam", "run-1a2b", None)
SVG = "{http://www.w3.org/2000/svg}"


async def draw(*panels: tuple[str, dict[str, str]]) -> Path:
    shown = [
        {"title": title, "bars": [{"label": label, "value": value} for label, value in bars.items()]}
        for title, bars in panels
    ]
    args = draw_chart.args.model_validate({"panels": shown})
    return Path((await draw_chart.run(args.panels, caller=CALLER)).path)


def words(path: Path) -> set[str]:
    return {node.text for node in ET.parse(path).iter(f"{SVG}text") if node.text}


def bars(path: Path) -> list[ET.Element]:
    return [node for node in ET.parse(path).iter(f"{SVG}rect") if node.get("fill") == "#2f6f9f"]


async def test_a_picture_shows_titles_labels_and_bars_in_proportion(tower_home):
    path = await draw(("complaints by month", {"2026-02": "6", "2026-03": "12"}))

    assert path == tower_home / "reports" / "run-1a2b.svg"
    assert {"complaints by month", "2026-02", "2026-03"} <= words(path)
    heights = [float(bar.get("height", 0)) for bar in bars(path)]
    assert heights[1] == pytest.approx(2 * heights[0], rel=0.01)


async def test_names_are_text_whatever_they_hold():
    name = '<script>"Möller" & Sons'
    path = await draw(("days <by> vendor & co", {name: "12.9", "b": "3"}), ("more", {"2026-01": "0"}))

    assert {name, "days <by> vendor & co", "more"} <= words(path)


async def test_drawn_again_there_is_one_picture_and_no_draft(tower_home):
    await asyncio.gather(*(draw(("t", {"a": str(n), "b": "1"})) for n in range(2, 6)))

    assert [path.name for path in (tower_home / "reports").iterdir()] == ["run-1a2b.svg"]


async def test_it_can_be_removed_and_only_reports_can(tower_home):
    path = await draw(("t", {"a": "1", "b": "2"}))
    await remove_chart.run("run-1a2b", caller=CALLER)
    await remove_chart.run("run-1a2b", caller=CALLER)

    assert not path.exists()
    with pytest.raises(ValidationError):
        remove_chart.args.model_validate({"run_id": "run-/../../control"})


@pytest.mark.parametrize("value", ["-1", "1e9", "NaN", "1,5", ""])
def test_what_is_no_number_is_refused(value):
    panel = {"title": "t", "bars": [{"label": "a", "value": value}]}
    with pytest.raises(ValidationError):
        draw_chart.args.model_validate({"panels": [panel]})
