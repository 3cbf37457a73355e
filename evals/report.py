"""Report: one HTML page with the gate's verdict, scores, costs and every failure down to its trace."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from evals.charts import Bar, Range, bars, forest, histogram
from evals.failures import failed, failures
from evals.page import cell, table
from evals.recommendation import COLUMNS, recommendations
from evals.rows import Experiment, Row, aggregate, by_suite, count
from evals.signoff import SignOff
from evals.standing import Standing
from evals.suites import LAYERS
from evals.summary import BESIDE, DETECTORS, summary
from evals.thresholds import Metric, Thresholds
from evals.verdict import Finding, Verdict, by_reason

CSS = Path(__file__).with_name("report.css")


@dataclass(frozen=True, slots=True)
class Contents:
    """What a report shows.

    Attributes:
        standings: How patterns did on classes of task.
        traces: Run → file with its audit entries.
        asked: Suite and case → what it asks.
    """

    experiment: Experiment
    verdict: Verdict
    signoff: SignOff | None
    thresholds: Thresholds
    standings: Sequence[Standing]
    traces: Mapping[str, Path]
    asked: Mapping[tuple[str, str], Any] = field(default_factory=dict)


def page(contents: Contents) -> str:
    """Write the page; it needs nothing but itself."""
    e = contents.experiment
    title, style = escape(e.id), CSS.read_text(encoding="utf-8")
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>'
    about = (e.created, f"code {e.git_sha[:12]}", f"model {e.model}", f"policy {e.policy[:12]}")
    sections = [
        f"<h1>Evaluation {title}</h1>",
        f'<p class="dim">{escape(" · ".join((*about, f"{len(e.rows)} rows")))}</p>',
        _verdict(contents),
        *(_layer(layer, e.rows, contents.verdict) for layer in LAYERS),
        "<h2>Which model for which role</h2>",
        table(COLUMNS, ([cell(each) for each in line] for line in recommendations(e))),
        _effort(e.rows),
        _standings(contents.standings),
        "<h2>Failures</h2>",
        failures(e.rows, contents.thresholds, contents.traces, contents.asked),
        _inputs(e),
    ]
    body = "".join(sections)
    head += f"<style>{style}</style>"
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{body}</body></html>\n'


def _verdict(contents: Contents) -> str:
    v, signed = contents.verdict, contents.signoff
    ran = {row.suite for row in contents.experiment.rows}
    measured = [f for f in v.findings if f.metric.suite in ran]
    shown = {row.suite for row in contents.experiment.rows if failed(row, contents.thresholds)}
    why = _reasons((f for f in v.of(v.state) if f in measured), shown)
    why += "".join(f"<li>{escape(each)}</li>" for each in v.stale)
    if absent := sorted({f.metric.suite for f in v.findings} - ran):
        why += f"<li>no case was run of <b>{escape(', '.join(absent))}</b>, which the gate asks for</li>"
    by = f"<p>Signed off by <b>{escape(signed.by)}</b>: {escape(signed.why)}</p>" if signed else ""
    banner = f'<div class="banner {v.state.lower()}"><b>{v.state}</b><ul>{why}</ul>{by}</div>'
    pending = "".join(f"<li><b>{escape(p.name)}</b>: {escape(p.why)}</li>" for p in v.pending)
    # Costs and times aren't shares, and would flatten every other line.
    ranges = [
        Range(f.key, f.change.mean, f.change.lower, f.change.upper, f.metric.delta, f.state.lower())
        for f in v.findings
        if f.change and isinstance(f.metric, Metric) and f.metric.primary and max(f.mean, f.before or 0) <= 1
    ]
    note = "Right is better. A line is the bootstrap's bounds; its left end has to stay right of the mark."
    title = f"<h3>Change against the baseline</h3><p class='dim'>{note}</p>"
    plot = title + forest(ranges) if ranges else ""
    head = ("metric", "state", "n", "mean", "held out", "floor", "before", "sees a drop of", "p")
    rows = [[cell(each) for each in _line(f)] for f in measured]
    besides = _reasons((f for f in measured if f.state is not v.state or not f.blocks), shown)
    return (
        f"<h2>Gate</h2>{banner}{plot}{table(head, rows)}"
        f"{f'<h3>What to know</h3><ul>{besides}</ul>' if besides else ''}"
        f"<h3>Pending</h3><ul>{pending or '<li>nothing</li>'}</ul>"
    )


def _line(f: Finding) -> list[object]:
    floor = f.metric.floor if isinstance(f.metric, Metric) else f.metric.safe
    state = f.state if f.blocks else f"{f.state} (not calibrated: shown, and blocks nothing)"
    return [f.key, state, f.n, f.mean, f.held_out, floor, f.before, f.sees, f.p]


def _reasons(findings: Iterable[Finding], shown: Collection[str]) -> str:
    """Each reason once, with links to the failures of the suites that have some."""

    def name(f: Finding) -> str:
        key = f"<b>{escape(f.key)}</b>"
        return f"<a href='#failures-{f.metric.suite}'>{key}</a>" if f.metric.suite in shown else key

    return "".join(
        f"<li>{', '.join(map(name, found))}: {escape(reason)}</li>"
        for reason, found in by_reason(findings).items()
    )


def _layer(layer: str, rows: Iterable[Row], verdict: Verdict) -> str:
    suites = by_suite(row for row in rows if row.layer == layer)
    found = {(f.metric.suite, f.metric.name): f for f in reversed(verdict.findings) if f.n}
    floors = {key: f.metric.floor for key, f in found.items() if isinstance(f.metric, Metric)}
    note = (
        "Ticks: what stands beside a score (the null agent, rules without a model) and its floor; "
        "red: the gate fails it; hover for names."
    )
    parts = [f"<h2>{layer.capitalize()} layer</h2><p class='dim'>{note}</p>"] if suites else []
    for suite, mine in sorted(suites.items()):
        values, n, lines = summary(mine), count(mine), []
        for name in sorted(name for name in values if _is_share(name, mine)):
            beside = {key.removeprefix(f"{name}{BESIDE}"): value for key, value in values.items()}
            marks = [(key, value) for key, value in beside.items() if key not in values]
            marks += [("floor", floor)] if (floor := floors.get((suite, name))) else []
            kind = found[suite, name].state.lower() if (suite, name) in found else ""
            few = f"n={_n(name, mine):,}" if _n(name, mine) != n else ""
            lines.append(Bar(name, values[name], marks, kind, few))
        parts.append(f"<h3>{escape(suite)} <span class='dim'>n={n:,}</span></h3>{bars(lines)}")
        parts.append(_splits(sorted(values), mine))
    return "".join(parts)


def _is_share(name: str, rows: Sequence[Row]) -> bool:
    bounded = max(row.scores.get(name, 0) for row in rows) <= 1
    return bounded and BESIDE not in name and not re.search("seconds|tokens|micros", name)


def _n(name: str, rows: Sequence[Row]) -> int:
    """How many cases a summary's value rests on."""
    score = {metric: score for score, (metric, _) in DETECTORS.items()}.get(name.partition(BESIDE)[0], name)
    return aggregate(rows, score.removesuffix("_pass_hat_k"))[1] or count(rows)


def _splits(names: Sequence[str], rows: Sequence[Row]) -> str:
    parts = [[r for r in rows if r.split == "dev"], [r for r in rows if r.split == "held_out"]]
    parts.append([r for r in rows if "hard" in r.tags])
    found = [(part, summary(part) if part else {}) for part in parts]
    body = []
    for name in names:
        shown = [v for part, has in found for v in (has.get(name), _n(name, part) if name in has else 0)]
        body.append([cell(each) for each in (name, *shown)])
    head = ("metric", "dev", "n", "held out", "n", "hard", "n")
    return f"<details><summary>dev, held out, hard</summary><div>{table(head, body)}</div></details>"


def _effort(rows: Sequence[Row]) -> str:
    body, suites = [], by_suite(rows)
    for suite, mine in sorted(suites.items()):
        values = summary(mine)
        p50, p95 = values["latency_seconds_p50"], values["latency_seconds_p95"]
        tokens, micros = sum(row.tokens for row in mine), sum(row.micros for row in mine)
        each = [values.get(f"{unit}_per_solved_task") for unit in ("seconds", "tokens")]
        body.append([cell(x) for x in (suite, len(mine), p50, p95, tokens, micros / 1_000_000, *each)])
    head = ("suite", "rows", "p50 s", "p95 s", "tokens", "cost", "seconds per solved task", "tokens per one")
    charts = "".join(
        f"<div><b>{escape(suite)}</b><br>{histogram([r.seconds for r in mine], 's')}</div>"
        for suite, mine in sorted(suites.items())
        if len(mine) > 1
    )
    return f"<h2>Time and cost</h2>{table(head, body)}<div class='charts'>{charts}</div>"


def _standings(standings: Sequence[Standing]) -> str:
    if not standings:
        return ""
    head = ("class of task", "pattern", "n", "solved", "tokens each", "seconds each", "what to know")
    body = [
        [cell(x) for x in (s.job, s.pattern, s.n, s.quality, round(s.tokens), s.seconds, s.said)]
        for s in standings
    ]
    return f"<h2>Patterns and classes of task</h2>{table(head, body)}"


def _inputs(e: Experiment) -> str:
    found = {f"cases of {suite}": sha for suite, sha in e.datasets.items()} | dict(e.versions)
    body = [[cell(name), cell(value)] for name, value in sorted(found.items())]
    return f"<h2>What it depends on</h2>{table(('what', 'version'), body)}"
