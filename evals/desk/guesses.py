"""Guesses: which call goes by words alone, and which tool is always right most often."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from evals.datasets import ToolCase, load
from evals.desk.data import DATASETS
from evals.lexical import closest
from nodes.team import Agent
from tools.spec import Tool

Calls = Sequence[tuple[str, Mapping[str, Any]]]
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_SUM = re.compile(r"\d[\d.,]*[.,]\d\d(?!\d)")


def guesses(case: ToolCase, agent: Agent) -> Mapping[str, Calls]:
    """One call by each rule: `keyword`, `constant`; arguments are what the text has of their form."""
    tools = {tool.name: tool for tool in agent.tools}
    described = {name: f"{name.replace('_', ' ')} {tool.description}" for name, tool in tools.items()}
    usual = next((name for name in _usual(case.role) if name in tools), "")
    chosen = {"keyword": closest(case.request, described), "constant": usual}
    return {rule: [(name, filled(tools[name], case))] if name else [] for rule, name in chosen.items()}


def filled(tool: Tool, case: ToolCase) -> dict[str, Any]:
    """Arguments by their form: numbers on record, days, sums, one of a list; otherwise the request."""
    text = f"{case.request}\n{case.given}\n{case.customer_id or ''}"
    schema = tool.args.model_json_schema()
    found = {
        name: _value(schema["properties"][name], text, case.request) for name in schema.get("required", ())
    }
    return {name: value for name, value in found.items() if value is not None}


def _value(field: Mapping[str, Any], text: str, request: str) -> Any:
    if "enum" in field:
        return closest(request, {each: each.replace("_", " ") for each in field["enum"]})
    if field.get("format") == "date":
        return next(iter(_DAY.findall(text)), None)
    if field.get("type") == "integer":
        sums = [re.sub(r"\D", "", each) for each in _SUM.findall(text)]
        return int(sums[0]) if sums else None
    if "pattern" in field:
        return next(iter(re.findall(rf"\b{field['pattern'].strip('^$')}\b", text)), None)
    return request


@cache
def _usual(role: str) -> tuple[str, ...]:
    """The tools that are due, most often first; it looks at the labels."""
    rows: Sequence[ToolCase] = [case for case in load("tools", DATASETS, ToolCase) if case.role == role]
    return tuple(name for name, _ in Counter(call.tool for case in rows for call in case.calls).most_common())
