"""Conclude: code sums up what was found, what it rests on and what was left undone; no model is asked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.runtime import Runtime

from governance.outcome import Status
from nodes.ledger import DONE, Investigation, still_open
from nodes.state import Context, Fault
from nodes.turn import QUOTE


async def conclude(state: Investigation, config: RunnableConfig, runtime: Runtime[Context]) -> dict[str, Any]:
    """Put the investigation's results under `conclusion`, and a fault where it isn't complete."""
    del config, runtime
    ledger, found = state.get("ledger", {}), state.get("found", {})
    plan = ledger.get("plan", [])
    facts = {name: ledger.get(name, []) for name in ("verified", "to_look_up", "guessed")}
    conclusion = {
        "findings": state.get("findings", []),
        "found": {name: entry for name, entry in found.items() if entry["status"] == DONE},
        "partly": {name: entry for name, entry in found.items() if entry["status"] == Status.PARTIAL},
        "undone": [
            f"{step['id']}: {step['task']}{_why(found.get(step['id']))}"
            for step in plan
            if step["id"] in still_open(plan, found, required=False)
        ],
        "facts": facts,
        "constraints": state.get("constraints", []),
        "read": bool(ledger.get("read")),
        "rounds": state.get("rounds", 0),
        "resets": state.get("resets", 0),
    }
    return {"visits": {"conclude": 1}, "results": {"conclusion": conclusion}, "faults": _faults(state)}


def _faults(state: Investigation) -> list[Fault]:
    """What keeps the run from `completed`, beside what is on record already."""
    plan, found = state.get("ledger", {}).get("plan", []), state.get("found", {})
    required = still_open(plan, found)
    absent: list[Fault] = []
    for step in plan:
        entry = found.get(step["id"])
        if entry and entry["status"] != DONE:
            ends = step["id"] in required or entry["status"] == Status.BUDGET_EXHAUSTED
            status = entry["status"] if ends else Status.PARTIAL
            absent.append({"status": status, "step": step["id"], "reason": entry["error"]})
    if required and not absent and not state.get("faults"):
        absent.append(
            {"status": Status.FAILED, "step": "conclude", "reason": f"{', '.join(required)} never ran"}
        )
    return absent


def told(results: Mapping[str, Any]) -> dict[str, Any]:
    """The outcome of an investigation: its findings with the results they cite, or what was found so far."""
    conclusion = results["conclusion"]
    findings, found = conclusion["findings"], conclusion["found"]
    lines = [f"{finding['statement']} [{', '.join(finding['results'])}]" for finding in findings]
    lines = lines or [f"{name}: {entry['task']}: {_short(entry['result'])}" for name, entry in found.items()]
    cited = {name for finding in findings for name in finding["results"]} or set(found)
    return {
        "answer": "\n".join(lines),
        "evidence": [
            {"source": f"{name}: {entry['task']}", "quote": _short(entry["result"])}
            for name, entry in [*found.items(), *conclusion["partly"].items()]
            if name in cited or name in conclusion["partly"]
        ],
        "undone": conclusion["undone"],
        "result": conclusion,
    }


def _why(entry: Mapping[str, Any] | None) -> str:
    return f" ({entry['status']}: {entry['error']})" if entry else " (not run)"


def _short(result: Any) -> str:
    return json.dumps(result, ensure_ascii=False)[:QUOTE]
