"""Charts: inline SVG that needs no script and no server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

WIDTH, LABEL, ROW = 760, 300, 24
_PLOT = WIDTH - LABEL - 104


@dataclass(frozen=True, slots=True)
class Bar:
    """One line of a bar chart.

    Attributes:
        value: 0 to 1.
        marks: Name → value, such as the null agent's score; drawn as ticks.
        kind: CSS class, such as `fail`.
        note: Behind the value.
    """

    label: str
    value: float
    marks: Sequence[tuple[str, float]] = ()
    kind: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Range:
    """One line of a forest plot: a change with its bounds, and the drop that would be accepted."""

    label: str
    mean: float
    lower: float
    upper: float
    delta: float
    kind: str = ""


def bars(lines: Sequence[Bar]) -> str:
    """Draw scores from 0 to 1, each with its marks."""
    parts = [_grid(len(lines), [(x / 4, f"{x / 4:.2f}") for x in range(5)], 0.0, 1.0)]
    for number, bar in enumerate(lines):
        y = number * ROW
        length = _PLOT * min(1.0, max(0.0, bar.value))
        parts.append(_label(bar.label, y))
        note = f'<tspan class="axis">{escape(bar.note)}</tspan>'
        title = f"{bar.label}: {bar.value:.3f}" + "".join(f", {n} {v:.3f}" for n, v in bar.marks)
        parts.append(
            f'<rect class="bar {bar.kind}" x="{LABEL}" y="{y + 5}" width="{length:.1f}" height="14">'
            f"<title>{escape(title)}</title></rect>"
        )
        for name, value in bar.marks:
            x = LABEL + _PLOT * min(1.0, max(0.0, value))
            parts.append(
                f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="{y + 2}" y2="{y + 22}">'
                f"<title>{escape(name)} {value:.3f}</title></line>"
            )
        parts.append(f'<text x="{LABEL + _PLOT + 8}" y="{y + 17}">{bar.value:.3f} {note}</text>')
    return _svg(len(lines), parts)


def forest(lines: Sequence[Range]) -> str:
    """Draw changes against a baseline; a line's left end must stay right of its mark."""
    reach = max([0.1, *(abs(x) for r in lines for x in (r.lower, r.upper, r.delta))]) * 1.1
    ticks = [(x, f"{x:+.2f}") for x in (-reach, -reach / 2, 0.0, reach / 2, reach)]
    parts = [_grid(len(lines), ticks, -reach, reach)]
    for number, line in enumerate(lines):
        y = number * ROW + 12
        low, mean, high, mark = (
            LABEL + _PLOT * (x + reach) / (2 * reach)
            for x in (line.lower, line.mean, line.upper, -line.delta)
        )
        title = f"{line.label}: {line.mean:+.3f} ({line.lower:+.3f} to {line.upper:+.3f})"
        accepted = f"<title>accepted drop {line.delta:.3f}</title>"
        span = f'x1="{low:.1f}" x2="{high:.1f}" y1="{y}" y2="{y}"'
        parts.append(_label(line.label, number * ROW))
        parts.append(
            f'<line class="mark" x1="{mark:.1f}" x2="{mark:.1f}" y1="{y - 9}" y2="{y + 9}">{accepted}</line>'
        )
        parts.append(f'<line class="range {line.kind}" {span}/>')
        parts.append(
            f'<circle class="dot {line.kind}" cx="{mean:.1f}" cy="{y}" r="5">'
            f"<title>{escape(title)}</title></circle>"
        )
        parts.append(f'<text x="{LABEL + _PLOT + 8}" y="{y + 5}">{line.mean:+.3f}</text>')
    return _svg(len(lines), parts)


def histogram(values: Sequence[float], unit: str, bins: int = 24) -> str:
    """Draw how often which value was seen."""
    counts, edges = np.histogram(np.asarray(values, dtype=float), bins=bins)
    width, height, most = 360, 110, max(1, int(counts.max()))
    step = width / bins
    parts = [
        f'<rect class="bar" x="{i * step:.1f}" y="{height - 90 * c / most:.1f}" width="{step - 1:.1f}" '
        f'height="{90 * c / most:.1f}"><title>{edges[i]:.3g} to {edges[i + 1]:.3g} {escape(unit)}: {c}'
        "</title></rect>"
        for i, c in enumerate(counts)
        if c
    ]
    for x, edge, anchor in ((0, edges[0], "start"), (width, edges[-1], "end")):
        where = f'x="{x}" y="{height + 16}" text-anchor="{anchor}"'
        parts.append(f'<text class="axis" {where}>{edge:.3g} {escape(unit)}</text>')
    return f'<svg viewBox="0 0 {width} {height + 22}" class="small" role="img">{"".join(parts)}</svg>'


def _grid(lines: int, ticks: Sequence[tuple[float, str]], low: float, high: float) -> str:
    bottom = lines * ROW
    parts = []
    for value, text in ticks:
        x = LABEL + _PLOT * (value - low) / (high - low)
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{bottom}"/>')
        parts.append(f'<text class="axis" x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{text}</text>')
    return "".join(parts)


def _label(text: str, y: float) -> str:
    return f'<text x="{LABEL - 10}" y="{y + 17}" text-anchor="end">{escape(text)}</text>'


def _svg(lines: int, parts: Sequence[str]) -> str:
    box = f"0 0 {WIDTH} {lines * ROW + 24}"
    return f'<div class="wide"><svg viewBox="{box}" role="img">{"".join(parts)}</svg></div>'
