"""Pictures are made here, and show what matters: where a person decides, and what is nested."""

from __future__ import annotations

import itertools
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from langgraph.graph import END, START, StateGraph
from typing_extensions import TypedDict

from cli.draw import svg
from cli.layout import Size, place
from tests.cli.conftest import Tower

BOX = Size(80, 30)


class State(TypedDict):
    text: str


def nested_graph():
    async def work(state: State) -> State:
        return state

    inner = StateGraph(State)
    inner.add_node("draft", work, destinations=("sign", "send"))
    inner.add_node("sign", work, metadata={"human": True})
    inner.add_node("send", work)
    inner.add_edge(START, "draft")
    inner.add_edge("sign", "send")
    inner.add_edge("send", END)
    compiled = inner.compile(name="inner")

    async def delegate(state: State) -> State:
        return await compiled.ainvoke(state)

    outer = StateGraph(State)
    outer.add_node("letters", delegate)
    outer.add_edge(START, "letters")
    outer.add_edge("letters", END)
    return outer.compile(name="outer")


def test_a_picture_shows_people_nested_graphs_and_both_ends() -> None:
    root = ET.fromstring(svg(nested_graph(), "outer"))

    texts = [node.text for node in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"letters", "draft", "sign", "send", "a person decides"} <= set(texts)
    assert (texts.count("start"), texts.count("end")) == (2, 2)
    people = list(root.iter("{http://www.w3.org/2000/svg}circle"))
    assert len(people) == 1


def test_boxes_never_overlap_and_lines_run_down() -> None:
    names = ["start", *"abcdef", "end"]
    chain = list(itertools.pairwise(names))
    shortcuts = [(name, "end") for name in "abcd"] + [("f", "b"), ("e", "a")]

    placed = place(dict.fromkeys(names, BOX), chain + shortcuts)

    centres = list(placed.centres.values())
    for i, (x, y) in enumerate(centres):
        assert all(abs(x - p) >= BOX.width or abs(y - q) >= BOX.height for p, q in centres[:i])
    assert all(placed.lines[edge][0][1] < placed.lines[edge][-1][1] for edge in chain)
    assert placed.lines["f", "b"][0][1] > placed.lines["f", "b"][-1][1]


def test_peers_that_hand_over_to_each_other_share_a_layer() -> None:
    edges = [("t", "a"), ("t", "b"), ("t", "c"), ("a", "b"), ("b", "a"), ("c", "a")]

    placed = place(dict.fromkeys("tabc", BOX), edges)

    assert len({placed.centres[name][1] for name in "abc"}) == 1
    assert set(placed.peers) == {("a", "b"), ("b", "a"), ("c", "a")}


@pytest.mark.parametrize("form", ["svg", "mermaid"])
def test_every_registered_graph_is_drawn(tower: Tower, tmp_path: Path, form: str) -> None:
    listed = tower.json("graphs")
    written = tower.json("graphs", "--draw", "--format", form, "--out", str(tmp_path))

    assert [Path(path).stem for path in written] == [graph["graph"] for graph in listed]
    assert all(graph["about"] for graph in listed)
    assert all(Path(path).stat().st_size > 200 for path in written)
