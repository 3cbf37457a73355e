"""Layout: where the boxes and lines of a directed graph go, in layers from top to bottom."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

Point = tuple[float, float]
Edge = tuple[str, str]

NODE_GAP = 28.0
LAYER_GAP = 44.0
TRUNK_WIDTH = 10.0
SWEEPS = 24


@dataclass(frozen=True)
class Size:
    """Width and height of a box, in pixels."""

    width: float
    height: float


@dataclass(frozen=True)
class Placed:
    """A drawing: box centres, and each line as points from its source to its target.

    Attributes:
        peers: Lines between boxes of one layer.
    """

    size: Size
    centres: Mapping[str, Point]
    lines: Mapping[Edge, Sequence[Point]]
    peers: Sequence[Edge]


@dataclass
class _Layers:
    """Boxes and the corners of long lines, by layer; corners on the way to one box are shared."""

    rows: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))
    links: dict[tuple[str, str], float] = field(default_factory=dict)
    chains: dict[Edge, list[str]] = field(default_factory=dict)


def place(boxes: Mapping[str, Size], edges: Sequence[Edge]) -> Placed:
    """Lay out boxes so that most lines run downwards.

    Args:
        boxes: Name → size; the first is where the reading starts.
        edges: Pairs of names; cycles are fine.
    """
    ranks, backward = _rank(list(boxes), edges)
    peers = [e for e in edges if ranks[e[0]] == ranks[e[1]] and e[0] != e[1]]
    flowing = [e for e in edges if ranks[e[0]] != ranks[e[1]]]
    layers = _layers(ranks, flowing, backward)
    _order(layers)
    widths = {
        name: boxes[name].width if name in boxes else TRUNK_WIDTH
        for row in layers.rows.values()
        for name in row
    }
    xs = _columns(layers, widths)
    left = min(xs[name] - widths[name] / 2 for name in xs)
    right = max(xs[name] + widths[name] / 2 for name in xs)
    tops, heights = _rows(layers, boxes, {ranks[a] for a, _ in peers})
    centres = {name: (xs[name] - left, tops[ranks[name]] + boxes[name].height / 2) for name in boxes}
    row_of = {name: rank for rank, row in layers.rows.items() for name in row}
    lines = {}
    for edge, chain in layers.chains.items():
        points = [(xs[chain[0]] - left, tops[row_of[chain[0]]] + boxes[chain[0]].height)]
        for above, below in pairwise(chain):
            upper, lower = row_of[above], row_of[below]
            points.append((xs[above] - left, tops[upper] + heights[upper]))
            points.append((xs[below] - left, tops[lower]))
        lines[edge] = points[::-1] if edge in backward else points
    bottom = max(tops[rank] + heights[rank] for rank in tops)
    return Placed(Size(right - left, bottom), centres, lines, peers)


def _rank(names: Sequence[str], edges: Sequence[Edge]) -> tuple[dict[str, int], set[Edge]]:
    """Longest path from the first name, with edges that close a cycle turned round.

    Boxes of one cycle that can each be entered from outside are peers and share a layer.
    """
    peers = _peers(names, edges)
    inner = [e for e in edges if peers.get(e[0], e[0]) != peers.get(e[1], e[1])]
    grouped = [(peers.get(a, a), peers.get(b, b)) for a, b in inner]
    heads = list(dict.fromkeys(peers.get(name, name) for name in names))
    back = _cycle_edges(heads, grouped)
    backward = {e for e, g in zip(inner, grouped, strict=True) if g in back}
    forward = [(b, a) if (a, b) in back else (a, b) for a, b in grouped]
    rank = dict.fromkeys(heads, 0)
    for _ in heads:
        for a, b in forward:
            rank[b] = max(rank[b], rank[a] + 1)
    return {name: rank[peers.get(name, name)] for name in names}, backward


def _reachable(start: str, edges: Sequence[Edge]) -> set[str]:
    seen, todo = {start}, [start]
    while todo:
        here = todo.pop()
        new = {b for a, b in edges if a == here} - seen
        seen |= new
        todo += new
    return seen


def _peers(names: Sequence[str], edges: Sequence[Edge]) -> dict[str, str]:
    """Box → the first of its peers; whoever is entered from the same boxes as they is one of them."""
    before = {name: {a for a, b in edges if b == name} for name in names}
    reach = {name: _reachable(name, edges) for name in names}
    found: dict[str, str] = {}
    for name in names:
        cycle = [other for other in names if other in reach[name] and name in reach[other]]
        entered = all(any(b == m and a not in cycle for a, b in edges) for m in cycle)
        if len(cycle) > 1 and entered:
            outside = set.intersection(*(before[m] for m in cycle)) - set(cycle)
            like = [n for n in names if before[n] and before[n] <= outside and reach[n] & set(cycle)]
            found |= dict.fromkeys((*cycle, *like), cycle[0])
    return found


def _cycle_edges(names: Sequence[str], edges: Sequence[Edge]) -> set[Edge]:
    after: dict[str, list[str]] = defaultdict(list)
    # In the order in which boxes were declared, so that the main line is walked before its detours.
    for a, b in sorted(edges, key=lambda e: names.index(e[1])):
        after[a].append(b)
    back: set[Edge] = set()
    done: set[str] = set()
    for root in names:
        if root in done:
            continue
        path, todo = [root], [iter(after[root])]
        while todo:
            step = next(todo[-1], None)
            if step is None:
                done.add(path.pop())
                todo.pop()
            elif step in path:
                back.add((path[-1], step))
            elif step not in done:
                path.append(step)
                todo.append(iter(after[step]))
    return back


def _layers(ranks: Mapping[str, int], edges: Iterable[Edge], backward: set[Edge]) -> _Layers:
    layers = _Layers()
    following = set(zip(ranks, list(ranks)[1:], strict=False))
    for name, rank in ranks.items():
        layers.rows[rank].append(name)
    for edge in edges:
        low, high = sorted(edge, key=lambda name: ranks[name])
        way = f"{edge[0]} back" if edge in backward else f"to {edge[1]}"
        corners = [f"{way} {rank}" for rank in range(ranks[low] + 1, ranks[high])]
        for rank, corner in enumerate(corners, ranks[low] + 1):
            if corner not in layers.rows[rank]:
                layers.rows[rank].append(corner)
        chain = [low, *corners, high]
        layers.chains[edge] = chain
        for link in pairwise(chain):
            straight = link in following or (link[0] in corners and link[1] in corners)
            layers.links[link] = 12.0 if straight else 1.0
    return layers


def _neighbours(layers: _Layers) -> dict[str, list[tuple[str, float]]]:
    near: dict[str, list[tuple[str, float]]] = defaultdict(list)
    for (a, b), weight in layers.links.items():
        near[a].append((b, weight))
        near[b].append((a, weight))
    return near


def _order(layers: _Layers) -> None:
    """Sort each layer by where its neighbours are, down and up in turn; keep what crosses least."""
    near = _neighbours(layers)
    best, fewest = {r: list(row) for r, row in layers.rows.items()}, _crossings(layers)
    for sweep in range(SWEEPS):
        for rank in sorted(layers.rows, reverse=bool(sweep % 2)):
            fixed = layers.rows.get(rank + (1 if sweep % 2 else -1), [])
            spot = {name: i for i, name in enumerate(fixed)}
            row = layers.rows[rank]
            here = {name: i for i, name in enumerate(row)}

            def middle(name: str, spot: dict[str, int] = spot, here: dict[str, int] = here) -> float:
                known = [spot[other] for other, _ in near[name] if other in spot]
                return sum(known) / len(known) if known else here[name]

            row.sort(key=middle)
        crossings = _crossings(layers)
        if crossings < fewest:
            best, fewest = {r: list(row) for r, row in layers.rows.items()}, crossings
    layers.rows = best


def _crossings(layers: _Layers) -> int:
    spot = {name: (rank, i) for rank, row in layers.rows.items() for i, name in enumerate(row)}
    total = 0
    by_rank: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for a, b in layers.links:
        by_rank[spot[a][0]].append((spot[a][1], spot[b][1]))
    for pairs in by_rank.values():
        total += sum((p[0] - q[0]) * (p[1] - q[1]) < 0 for i, p in enumerate(pairs) for q in pairs[:i])
    return total


def _columns(layers: _Layers, widths: Mapping[str, float]) -> dict[str, float]:
    near = _neighbours(layers)
    xs: dict[str, float] = {}
    for row in layers.rows.values():
        xs |= _spread(row, dict.fromkeys(row, 0.0), dict.fromkeys(row, 1.0), widths)
    for sweep in range(4 * SWEEPS):
        for rank in sorted(layers.rows, reverse=bool(sweep % 2)):
            row = layers.rows[rank]
            wanted, weights = {}, {}
            for name in row:
                weights[name] = sum(weight for _, weight in near[name]) or 1.0
                pull = sum(xs[other] * weight for other, weight in near[name])
                wanted[name] = pull / weights[name] if near[name] else xs[name]
            xs |= _spread(row, wanted, weights, widths)
    return xs


def _spread(
    row: Sequence[str], wanted: Mapping[str, float], weights: Mapping[str, float], widths: Mapping[str, float]
) -> dict[str, float]:
    """Closest positions to the wanted ones that keep order and gaps (pool adjacent violators)."""
    offsets, at = [], 0.0
    for before, name in zip([None, *row], row, strict=False):
        at += (widths[before] + widths[name]) / 2 + NODE_GAP if before else 0.0
        offsets.append(at)
    blocks: list[tuple[float, float, int]] = []
    for name, offset in zip(row, offsets, strict=True):
        value, weight, count = wanted[name] - offset, weights[name], 1
        while blocks and blocks[-1][0] > value:
            other, mass, size = blocks.pop()
            value = (value * weight + other * mass) / (weight + mass)
            weight, count = weight + mass, count + size
        blocks.append((value, weight, count))
    bases = [value for value, _, count in blocks for _ in range(count)]
    return {name: base + offset for name, base, offset in zip(row, bases, offsets, strict=True)}


def _rows(
    layers: _Layers, boxes: Mapping[str, Size], with_peers: set[int]
) -> tuple[dict[int, float], dict[int, float]]:
    tops, heights, y = {}, {}, 0.0
    for rank in sorted(layers.rows):
        heights[rank] = max((boxes[name].height for name in layers.rows[rank] if name in boxes), default=0.0)
        tops[rank] = y
        y += heights[rank] + LAYER_GAP * (2 if rank in with_peers else 1)
    return tops, heights
