"""Failures: which cases went wrong, worst first, each with what was expected, what came, and its trace."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from evals.page import cell, table
from evals.rows import Row
from evals.thresholds import Thresholds
from evals.traces import trace

HELD_OUT = "held_out"
NOTE = "Held-out cases are only counted: whoever tunes would tune on what stands here."
PLAIN = {"run_opened", "cleared", "settled"}
"""Entries whose line says it all."""

MOST = 300
"""Characters of what another entry says."""

SHOWN = 100
"""Of a suite; the page says how many more there are."""


def failed(row: Row, thresholds: Thresholds) -> list[str]:
    """Why a row counts as a failure, in words; empty if it doesn't."""
    reasons = [f"error: {row.error}"] if row.error else []
    reasons += [
        f"harm: {demand.name}"
        for demand in thresholds.safety
        if demand.suite == row.suite and row.scores.get(demand.name, demand.safe) != demand.safe
    ]
    for metric in thresholds.metric:
        best = 1.0 if metric.better == "higher" else 0.0
        score = row.scores.get(metric.name, best)
        if metric.suite == row.suite and metric.sign * (score - best) < 0:
            reasons.append(f"{metric.name} {score:.2f}")
    return reasons


def failures(
    rows: Iterable[Row],
    thresholds: Thresholds,
    traces: Mapping[str, Path],
    asked: Mapping[tuple[str, str], Any],
) -> str:
    """The section of the report, suite by suite; held-out cases are counted and stay unread."""
    found, unread = defaultdict[str, list[tuple[Row, list[str]]]](list), Counter[str]()
    for row in rows:
        if not (reasons := failed(row, thresholds)):
            continue
        if row.split == HELD_OUT:
            unread[row.suite] += 1
        else:
            found[row.suite].append((row, reasons))
    if not found and not unread:
        return "<p>None.</p>"
    parts = [f"<p class='dim'>{NOTE}</p>"] if unread else []
    for suite in sorted({*found, *unread}):
        mine = found[suite]
        mine.sort(key=lambda each: (-_badness(each[1]), each[0].case, each[0].repetition))
        more = f", the first {SHOWN} are shown" if len(mine) > SHOWN else ""
        more += f"; {unread[suite]} held out" if unread[suite] else ""
        name = escape(suite)
        parts.append(f"<h3 id='failures-{name}'>{name} <span class='dim'>{len(mine)}{more}</span></h3>")
        parts += [
            _failure(row, reasons, traces, asked.get((row.suite, row.case))) for row, reasons in mine[:SHOWN]
        ]
    return "".join(parts)


def _badness(reasons: Sequence[str]) -> int:
    weights = {"harm": 3, "error": 2}
    return max(weights.get(reason.split(":")[0], 1) for reason in reasons)


def _failure(row: Row, reasons: Sequence[str], traces: Mapping[str, Path], asked: Any) -> str:
    title = f"<b>{escape(row.case)}</b> {escape('; '.join(reasons))}"
    tags = f"<span class='dim'> {escape(' '.join((row.split, *row.tags)))}</span>"
    case = (
        f"<details><summary>what the case asks</summary><div>{_json(asked)}</div></details>" if asked else ""
    )
    pair = f"<div><b>expected</b>{_json(row.expected)}</div><div><b>got</b>{_json(row.got)}</div>"
    log = _trace(traces[row.run]) if row.run in traces else "<p class='dim'>no run, so no trace</p>"
    said = f"{case}<div class='pair'>{pair}</div>{log}"
    return f"<details><summary>{title}{tags}</summary><div>{said}</div></details>"


def _trace(path: Path) -> str:
    head = ("entry", "time", "what", "who", "act", "decision", "policies or reason")
    body = [[cell(each) for each in line] for line in told(path)]
    return f"<p class='dim'>The audit log of {escape(path.stem)}:</p>{table(head, body)}"


def told(path: Path) -> Iterator[tuple[Any, ...]]:
    """A run's audit log: entry, time, what, who, act, decision, and policies or reason."""
    for entry in trace(path):
        why = ", ".join(entry.get("policies", ())) or _because(entry)
        act = " ".join(str(entry.get(part, "")) for part in ("action", "resource")).strip()
        who = entry.get("actor") or entry.get("user_id") or ""
        yield entry["seq"], entry["time"][11:23], entry["kind"], who, act, entry.get("decision", ""), why


def _because(entry: Mapping[str, Any]) -> str:
    """What an entry says besides: the reason, or what was found, asked or noted."""
    body = entry.get("body") or {}
    if "reason" in body or entry["kind"] in PLAIN:
        return str(body.get("reason", ""))
    said = json.dumps(body, ensure_ascii=False, default=str) if body else ""
    return said if len(said) <= MOST else f"{said[:MOST]}…"


def _json(value: Any) -> str:
    return f"<pre>{escape(shown(value))}</pre>"


def shown(value: Any) -> str:
    """A value as JSON, without what is empty in it."""
    if isinstance(value, Mapping):
        value = {key: each for key, each in value.items() if each not in (None, "", [], {}, False)}
    return json.dumps(value, ensure_ascii=False, indent=1, default=str)
