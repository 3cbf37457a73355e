"""Metrics of operations, added up from the audit log and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from statistics import median
from typing import Any

from governance.clock import moment
from governance.latency import Latency
from governance.spent import PAID

CONFLICTS = frozenset({"dissent", "not_reconciled", "contradiction"})
ASKED = frozenset({"ask_human", "ask_superior"})
"""Actions by which an agent hands a question to a person because it can't settle it."""


@dataclass
class _RunSeen:
    opened: datetime
    ended: datetime | None = None
    status: str = ""
    touches: int = 0
    escalated: bool = False
    conflict: bool = False
    undone: bool = False
    doubtful: bool = False
    cost: Counter[str] = field(default_factory=Counter)
    stopped: datetime | None = None


def measure(entries: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Add the log up; shares are between 0 and 1, times in seconds, None where nothing was to measure."""
    seen: dict[str, _RunSeen] = {}
    latency = Latency()
    recoveries: list[float] = []
    opened_breakers: dict[str, datetime] = {}
    for entry in entries:
        _breaker(entry, opened_breakers, recoveries)
        run = seen.get(str(entry.get("run")))
        if entry["kind"] == "run_opened":
            if "undoes" not in entry["body"]:
                seen[entry["run"]] = _RunSeen(moment(entry["time"]))
                latency.note(entry)
        elif run:
            if not run.ended:
                latency.note(entry)
            _note(run, entry, recoveries)
    return _summed(list(seen.values()), recoveries) | {"latency_under_load": latency.by_load()}


def _note(run: _RunSeen, entry: Mapping[str, Any], recoveries: list[float]) -> None:
    kind, time = entry["kind"], moment(entry["time"])
    if run.stopped:
        recoveries.append((time - run.stopped).total_seconds())
        run.stopped = None
    if kind in ("run_drained", "abandoned", "model_unavailable"):
        run.stopped = time
    if kind == "run_ended" and not run.ended:
        run.ended, run.status = time, str(entry["body"].get("status"))
    run.touches += kind == "approval_decided" or (kind == "resolved" and bool(entry.get("user_id")))
    run.escalated |= kind == "approval_requested" and entry.get("action") in ASKED
    run.escalated |= run.status == "escalated"
    run.conflict |= kind in CONFLICTS
    run.undone |= kind == "undo_opened"
    run.doubtful |= kind == "unknown"
    if kind in PAID:
        run.cost.update(entry.get("cost") or {})


def _breaker(entry: Mapping[str, Any], opened: dict[str, datetime], recoveries: list[float]) -> None:
    name = str(entry.get("resource"))
    if entry["kind"] == "breaker_opened":
        opened.setdefault(name, moment(entry["time"]))
    if entry["kind"] == "breaker_closed" and name in opened:
        recoveries.append((moment(entry["time"]) - opened.pop(name)).total_seconds())


def _summed(runs: list[_RunSeen], recoveries: list[float]) -> dict[str, Any]:
    ended = [run for run in runs if run.ended]
    solved = [run for run in ended if run.status == "completed"]
    cost: Counter[str] = sum((run.cost for run in runs), Counter())
    taken = [(run.ended - run.opened).total_seconds() for run in solved if run.ended]
    days: dict[str, list[_RunSeen]] = {}
    for run in ended:
        days.setdefault(run.opened.date().isoformat(), []).append(run)
    return {
        "runs": len(runs),
        "ended": len(ended),
        "outcomes": dict(Counter(run.status for run in ended)),
        "completion": _share(len(solved), len(ended)),
        "request_to_fulfilment_seconds": _median(taken),
        "manual_touch_points": _share(sum(run.touches for run in ended), len(ended)),
        "change_fail_rate": _share(sum(run.undone or run.doubtful for run in ended), len(ended)),
        "escalation": _share(sum(run.escalated for run in ended), len(ended)),
        "conflicts": _share(sum(run.conflict for run in ended), len(ended)),
        "per_solved_task": {unit: _share(total, len(solved)) for unit, total in sorted(cost.items())},
        "recovery_seconds": _median(recoveries),
        "autonomy_by_day": {
            day: _share(sum(run.status == "completed" and not run.touches for run in of_day), len(of_day))
            for day, of_day in sorted(days.items())
        },
    }


def _share(part: float, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _median(values: list[float]) -> float | None:
    return round(median(values), 3) if values else None
