"""Latency under load: how long runs and calls took, by how many runs were at work when they began."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from governance.clock import moment

LOADS = {1: "1", 2: "2-4", 5: "5-9", 10: "10+"}
"""Fewest runs at work → the load's name."""
CALLS = {"model": "model_call", "tool": "tool_call"}
STOPS = frozenset({"run_drained", "abandoned"})


@dataclass
class _Pace:
    """A run's way so far: since when it is at work, what it was last seen at, what it asks people."""

    opened: datetime
    since: datetime
    last: datetime
    asks: set[str] = field(default_factory=set)
    stopped: bool = False
    worked: float = 0.0


class Latency:
    """Adds up the log; a run that waits for a person or was stopped is at work again from its next entry."""

    def __init__(self) -> None:
        self._runs: dict[str, _Pace] = {}
        self._begun: dict[str, datetime] = {}
        self._took: list[tuple[str, datetime, float]] = []
        self._from: list[datetime] = []
        self._until: list[datetime] = []

    def note(self, entry: Mapping[str, Any]) -> None:
        """Take the next entry of a run; of a run that wasn't opened, or has ended, nothing is taken."""
        kind, time, body = entry["kind"], moment(entry["time"]), entry["body"]
        if kind == "run_opened":
            self._runs[entry["run"]] = _Pace(time, time, time)
        pace = self._runs.get(entry["run"])
        if not pace:
            return
        if (pace.asks or pace.stopped) and time > pace.last:
            self._rest(pace)
            pace.since = time
        pace.last, pace.stopped = time, kind in STOPS
        if kind == "approval_requested":
            pace.asks.add(body["approval"])
        elif kind == "approval_decided" or body.get("refusal") == "ApprovalRejected":
            pace.asks.discard(body["approval"])
        if entry.get("seam") in CALLS:
            self._call(kind, entry, time)
        if kind == "run_ended":
            self._rest(self._runs.pop(entry["run"]))
            if body.get("status") == "completed":
                whole = (time - pace.opened).total_seconds()
                self._took.append(("request_to_fulfilment", pace.opened, whole))
                self._took.append(("at_work", pace.opened, pace.worked))

    def by_load(self) -> dict[str, dict[str, dict[str, float]]]:
        """Load → what took so long → `count`, `p50` and `p95` in seconds; only loads that there were."""
        for pace in self._runs.values():
            self._rest(pace)
        self._runs.clear()
        begun, ended = sorted(self._from), sorted(self._until)
        found: dict[str, dict[str, list[float]]] = {name: {} for name in LOADS.values()}
        for what, at, seconds in self._took:
            runs = bisect_right(begun, at) - bisect_left(ended, at)
            load = next(LOADS[least] for least in reversed(LOADS) if runs >= least)
            found[load].setdefault(what, []).append(seconds)
        return {
            load: {what: _percentiles(sorted(times)) for what, times in of_load.items()}
            for load, of_load in found.items()
            if of_load
        }

    def _call(self, kind: str, entry: Mapping[str, Any], time: datetime) -> None:
        if kind == "cleared":
            self._begun[entry["key"]] = time
        elif kind in ("settled", "failed") and (begun := self._begun.pop(entry["key"], None)):
            self._took.append((CALLS[entry["seam"]], begun, (time - begun).total_seconds()))

    def _rest(self, pace: _Pace) -> None:
        self._from.append(pace.since)
        self._until.append(pace.last)
        pace.worked += (pace.last - pace.since).total_seconds()


def _percentiles(times: list[float]) -> dict[str, float]:
    """By nearest rank, so that each is a time that something took."""
    ranks = {f"p{percent}": math.ceil(len(times) * percent / 100) - 1 for percent in (50, 95)}
    return {"count": len(times)} | {name: round(times[rank], 3) for name, rank in ranks.items()}
