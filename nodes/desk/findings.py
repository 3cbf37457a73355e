"""Findings: numbers in a report stand in the results it cites; the report shows them, and a chart of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import permutations
from typing import Any

from governance.principals import Run
from nodes.agent import Lookup
from nodes.conclude import told
from nodes.desk.grounds import NUMBER, numbers_in
from nodes.ledger import ProgressLedger

PANELS, BARS = 4, 36
"""Most that one picture shows."""

_NUMBER = re.compile(rf"(?<![\w.,-])({NUMBER})(\s*%|\s+percent|\s+times|-fold)?(?![\w-])")
_DATE = re.compile(r"\d{4}-\d{2}(?:-\d{2})?")
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")
_MEASURED = {"quantity", "cells", "unit"}


async def numbers_are_found(said: ProgressLedger, state: Mapping[str, Any], _lookup: Lookup) -> Sequence[str]:
    """Every number of a finding stands in a result that it cites, or is a ratio of two that do."""
    found = state.get("found", {})
    problems = []
    for finding in said.findings:
        cited = [found[name] for name in finding.results if "result" in found.get(name, {})]
        known = {number for entry in cited for number in _numbers_in(entry)}
        dates = {
            date for entry in cited for date in _DATE.findall(json.dumps([entry["result"], entry["args"]]))
        }
        problems += [
            f"{date} is in none of {', '.join(finding.results)}"
            for date in _DATE.findall(finding.statement)
            if not any(known_date.startswith(date) for known_date in dates)
        ]
        for text, ratio in _NUMBER.findall(finding.statement):
            if not _borne_out(text, known, ratio=bool(ratio)):
                problems.append(f"{text}{ratio} is in none of {', '.join(finding.results)}")
    return problems


def report(results: Mapping[str, Any]) -> dict[str, Any]:
    """The outcome: findings with the results they rest on, each result with measure, filters and numbers."""
    outcome = told(results)
    conclusion = results["conclusion"]
    shown = {name: in_words(entry) for name, entry in conclusion["found"].items()}
    if not conclusion["findings"]:
        outcome["answer"] = "\n".join(f"{text} [{name}]" for name, text in shown.items())
    for source in outcome["evidence"]:
        name = source["source"].split(":")[0]
        if name in shown:
            source["source"], _, source["quote"] = f"{name}: {shown[name]}".partition(" = ")
    if chart := results.get("draw_chart"):
        outcome["result"] = {**outcome["result"], "plot": chart["path"]}
        outcome["answer"] += f"\nPlot: {chart['path']}"
    return outcome


def chart_of(results: Mapping[str, Any], _run: Run) -> dict[str, Any] | None:
    """What to draw: the measurements that findings cite, or all there are; None without any."""
    conclusion = results["conclusion"]
    cited = {name for finding in conclusion["findings"] for name in finding["results"]}
    panels = [
        {"title": f"{name}: {_title(entry['result'])}"[:90], "bars": bars}
        for name, entry in conclusion["found"].items()
        if (not cited or name in cited) and _is_measured(entry["result"]) and (bars := _bars(entry["result"]))
    ]
    return {"panels": panels[:PANELS]} if panels else None


def in_words(entry: Mapping[str, Any]) -> str:
    """A result in one line: what was measured = the numbers; or what the documents say."""
    result = entry["result"]
    if not _is_measured(result):
        return f"{entry['task']} = {result.get('answer', result)} ({', '.join(result.get('sources', ()))})"
    unit = result["unit"]
    cells = [f"{cell['key']} {_amount(cell['value'], unit)}" for cell in result["cells"]]
    whole = f"{'all' if cells else ''} {_amount(result['total'], unit)}".strip()
    return f"{_title(result)} = {'; '.join([*cells, whole])}"


def _title(result: Mapping[str, Any]) -> str:
    name = result["quantity"].replace("_", " ") + (f" by {result['by']}" if result["by"] else "")
    where = ", ".join(f"{key} {value}" for key, value in result["where"].items())
    unit = {"cents": " in EUR", "days": " (average days)"}.get(result["unit"], "")
    return f"{name}{unit}" + (f" ({where})" if where else "")


def _amount(value: float | None, unit: str) -> str:
    if value is None:
        return "withheld (fewer than 3 cases)"
    return f"{value / 100:,.2f}" if unit == "cents" else f"{value}"


def _bars(result: Mapping[str, Any]) -> list[dict[str, str]]:
    euros = result["unit"] == "cents"
    cells = [cell for cell in result["cells"] if cell["value"] is not None][:BARS]
    return [
        {"label": cell["key"][:40], "value": f"{cell['value'] / 100:.2f}" if euros else f"{cell['value']}"}
        for cell in cells
    ]


def _is_measured(result: Any) -> bool:
    return isinstance(result, Mapping) and set(result) >= _MEASURED


def _numbers_in(entry: Mapping[str, Any]) -> Iterator[float]:
    """What a result says in numbers: its values, money in cents and in euros; its years, but no months."""
    result = entry["result"]
    if not _is_measured(result):
        yield from numbers_in(json.dumps(result))
        return
    values = [
        value
        for value in (*(cell["value"] for cell in result["cells"]), result["total"])
        if value is not None
    ]
    yield from map(float, values)
    if result["unit"] == "cents":
        yield from (value / 100 for value in values)
    yield from (float(year) for year in _YEAR.findall(json.dumps([result["where"], result["cells"]])))


def _borne_out(text: str, known: set[float], *, ratio: bool) -> bool:
    plain = text.replace(",", "")
    number, places = float(plain), len(plain.partition(".")[2])
    candidates = set(known)
    if ratio:
        pairs = [(a, b) for a, b in permutations(known, 2) if b]
        candidates |= {a / b for a, b in pairs} | {100 * a / b for a, b in pairs}
        candidates |= {100 * (a - b) / b for a, b in pairs}
    return any(round(candidate, places) == number for candidate in candidates)
