"""Draw: a compiled graph as an SVG picture, made here and not by a web service."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import Any

from langchain_core.runnables.graph import Node
from langgraph.graph.state import CompiledStateGraph

from cli.layout import Placed, Point, Size, place

Graph = CompiledStateGraph[Any, Any, Any, Any]

CHARACTER = 7.4
ROW = 34.0
PADDING = 18.0
TITLE = 26.0
ICON = 22.0
ARROW = 7.0
NUDGE = 14.0
SHORT = 3
"""Points of a line from one layer to the next."""
INK, LINE, SIDE, PEER, PAPER = "#1f2937", "#475569", "#b6c0cf", "#8b8ff0", "#ffffff"
FILLS = {
    "plain": ("#eef2ff", "#6366f1"),
    "human": ("#fef3c7", "#d97706"),
    "ends": ("#1f2937", "#1f2937"),
    "pattern": ("#f8fafc", "#94a3b8"),
}
LEGEND = (("plain", "agent or act"), ("human", "a person decides"), ("pattern", "a pattern inside"))
NAMES = {"__start__": "start", "__end__": "end"}


@dataclass(frozen=True)
class _Picture:
    size: Size
    body: str


def svg(graph: Graph, title: str) -> str:
    """Draw a graph, with the graphs nested in it, as an SVG document."""
    picture = _picture(graph)
    width = max(picture.size.width, 3 * 150.0) + 2 * PADDING
    height = picture.size.height + 3 * PADDING + TITLE
    inset = (width - picture.size.width) / 2
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="{escape(title)}" '
        f'font-family="system-ui, Segoe UI, DejaVu Sans, sans-serif" font-size="13">\n'
        f'<rect width="100%" height="100%" rx="12" fill="{PAPER}"/>\n'
        f'<g transform="translate({inset:.1f} {PADDING})">{picture.body}</g>\n'
        f"{_legend(height - PADDING - 8)}</svg>\n"
    )


def _picture(graph: Graph) -> _Picture:
    drawn = graph.get_graph()
    inner = {
        name: _picture(nested)
        for name, nested in graph.get_subgraphs()
        if isinstance(nested, CompiledStateGraph)
    }
    sizes = {name: _size(node, inner.get(name)) for name, node in drawn.nodes.items()}
    edges = [(edge.source, edge.target) for edge in drawn.edges]
    # A person gives back what was put to them: one line with two tips, or half of the picture is these.
    returns = {(a, b) for a, b in edges if _human(drawn.nodes[a]) and (b, a) in edges}
    placed = place(sizes, [edge for edge in edges if edge not in returns])
    lines = sorted(placed.lines.items(), key=lambda line: len(line[1]), reverse=True)
    parts = [_line(points, both=edge[::-1] in returns) for edge, points in lines]
    parts += _peer_lines(placed, sizes)
    parts += [
        _node(node, placed.centres[name], sizes[name], inner.get(name)) for name, node in drawn.nodes.items()
    ]
    return _Picture(placed.size, "\n".join(parts))


def _size(node: Node, inner: _Picture | None) -> Size:
    label = NAMES.get(node.id, node.name)
    if inner:
        width = max(inner.size.width, len(label) * CHARACTER) + 2 * PADDING
        return Size(width, inner.size.height + TITLE + 2 * PADDING)
    if node.id in NAMES:
        return Size(64.0, 26.0)
    return Size(len(label) * CHARACTER + 30 + (ICON if _human(node) else 0), ROW)


def _human(node: Node) -> bool:
    return bool((node.metadata or {}).get("human"))


def _node(node: Node, centre: Point, size: Size, inner: _Picture | None) -> str:
    x, y = centre[0] - size.width / 2, centre[1] - size.height / 2
    label = escape(NAMES.get(node.id, node.name))
    if inner:
        inset = (size.width - inner.size.width) / 2
        nested = f'<g transform="translate({x + inset:.1f} {y + TITLE + PADDING:.1f})">{inner.body}</g>'
        name = f'<text x="{x + 14:.1f}" y="{y + 22:.1f}" font-weight="600" fill="{INK}">{label}</text>'
        return _box(x, y, size, "pattern", radius=14) + name + nested
    if node.id in NAMES:
        return _box(x, y, size, "ends", radius=13) + _text(centre[0], centre[1], label, PAPER)
    if _human(node):
        person = _person(x + 20, centre[1])
        return _box(x, y, size, "human") + person + _text(centre[0] + ICON / 2, centre[1], label, INK)
    return _box(x, y, size, "plain") + _text(centre[0], centre[1], label, INK)


def _box(x: float, y: float, size: Size, kind: str, radius: float = 8) -> str:
    fill, stroke = FILLS[kind]
    dash = ' stroke-dasharray="5 4"' if kind == "pattern" else ""
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{size.width:.1f}" height="{size.height:.1f}" rx="{radius}" '
        f'fill="{fill}" stroke="{stroke}" stroke-width="1.4"{dash}/>'
    )


def _text(x: float, y: float, label: str, fill: str) -> str:
    return f'<text x="{x:.1f}" y="{y + 4.5:.1f}" text-anchor="middle" fill="{fill}">{label}</text>'


def _person(x: float, y: float) -> str:
    stroke = FILLS["human"][1]
    return (
        f'<circle cx="{x:.1f}" cy="{y - 4.5:.1f}" r="4" fill="{stroke}"/>'
        f'<path d="M{x - 7:.1f} {y + 9:.1f} a7 7.5 0 0 1 14 0 z" fill="{stroke}"/>'
    )


def _line(points: Sequence[Point], *, both: bool) -> str:
    """Curves in the gaps between layers, straight beside boxes; long and returning lines are lighter."""
    upwards = points[0][1] > points[-1][1]
    colour = SIDE if upwards or len(points) > SHORT else LINE
    end = points[-1][1] + (ARROW if upwards else -ARROW)
    path = [f"M{points[0][0]:.1f} {points[0][1]:.1f}"]
    for (x0, y0), (x1, y1) in pairwise([*points[:-1], (points[-1][0], end)]):
        middle = (y0 + y1) / 2
        path.append(f"C{x0:.1f} {middle:.1f} {x1:.1f} {middle:.1f} {x1:.1f} {y1:.1f}")
    down = -1 if upwards else 1
    tips = _arrow(points[-1], down, colour) + (_arrow(points[0], -down, colour) if both else "")
    return f'<path d="{" ".join(path)}" fill="none" stroke="{colour}" stroke-width="1.5"/>{tips}'


def _arrow(tip: Point, down: int, colour: str) -> str:
    (x, y), half = tip, ARROW * 0.6
    base = y - down * ARROW
    corners = f"M{x:.1f} {y:.1f} L{x - half:.1f} {base:.1f} L{x + half:.1f} {base:.1f} z"
    return f'<path d="{corners}" fill="{colour}"/>'


def _peer_lines(placed: Placed, sizes: dict[str, Size]) -> list[str]:
    """Arcs under boxes of one layer, with a tip at each box that is led to."""
    arcs, done = [], set()
    for edge in placed.peers:
        if edge[::-1] in done:
            continue
        done.add(edge)
        a, b = sorted(edge, key=lambda name: placed.centres[name][0])
        x0, x1 = placed.centres[a][0] + NUDGE, placed.centres[b][0] - NUDGE
        y = placed.centres[a][1] + sizes[a].height / 2
        low = y + 26 + (x1 - x0) * 0.06
        curve = f"M{x0:.1f} {y + ARROW:.1f} C{x0:.1f} {low:.1f} {x1:.1f} {low:.1f} {x1:.1f} {y + ARROW:.1f}"
        arcs.append(f'<path d="{curve}" fill="none" stroke="{PEER}" stroke-width="1.5"/>')
        both = edge[::-1] in placed.peers
        arcs += [_arrow((x, y), -1, PEER) for name, x in ((a, x0), (b, x1)) if both or name == edge[1]]
    return arcs


def _legend(y: float) -> str:
    parts, x = [], PADDING
    for kind, label in LEGEND:
        parts.append(_box(x, y - 7, Size(18, 14), kind, radius=4))
        parts.append(f'<text x="{x + 26:.1f}" y="{y + 4:.1f}" font-size="11" fill="{LINE}">{label}</text>')
        x += 44 + len(label) * 6.4
    return "".join(parts)
