"""Latency under load: how long runs and calls took, by how many runs were at work when they began."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from governance.clock import moment

LOADS = {1: "1", 2: "2-4", 5: "5-9", 10: "10+"}
"""Fewest runs at work → the load's name."""
CALLS = {"model": "model_call", "tool": "tool_call"}
PAUSES = frozenset({"approval_requested", "run_drained", "abandoned"})


class Latency:
    """Adds up what runs wrote; one that waits for a person or was stopped isn't at work until it goes on."""

    def __init__(self) -> None:
        self._at_work: defaultdict[str, list[list[datetime]]] = defaultdict(list)
        self._waits: defaultdict[str, set[str]] = defaultdict(set)
        self._begun: dict[str, datetime] = {}
        self._took: list[tuple[str, datetime, float]] = []

    def note(self, entry: Mapping[str, Any]) -> None:
        """Take the next entry of a run, from the one that opened it to the one that ended it."""
        kind, time, body, run = entry["kind"], moment(entry["time"]), entry["body"], entry["run"]
        stretches, waits = self._at_work[run], self._waits[run]
        if stretches and (not waits or stretches[-1][1] == time):
            stretches[-1][1] = time
        else:
            stretches.append([time, time])
        waits.discard("")
        if kind in PAUSES:
            waits.add(body.get("approval", ""))
        elif kind == "approval_decided" or body.get("refusal") == "ApprovalRejected":
            waits.discard(body["approval"])
        if entry.get("seam") in CALLS and kind == "cleared":
            self._begun[entry["key"]] = time
        elif kind in ("settled", "failed") and (begun := self._begun.pop(entry["key"], None)):
            self._took.append((CALLS[entry["seam"]], begun, (time - begun).total_seconds()))
        elif kind == "run_ended" and body.get("status") == "completed":
            opened = stretches[0][0]
            worked = sum((until - since).total_seconds() for since, until in stretches)
            self._took.append(("request_to_fulfilment", opened, (time - opened).total_seconds()))
            self._took.append(("at_work", opened, worked))

    def by_load(self) -> dict[str, dict[str, dict[str, float]]]:
        """Load → what took so long → `count`, `p50` and `p95` in seconds; only loads that there were."""
        since = sorted(stretch[0] for run in self._at_work.values() for stretch in run)
        until = sorted(stretch[1] for run in self._at_work.values() for stretch in run)
        found: dict[str, dict[str, list[float]]] = {name: {} for name in LOADS.values()}
        for what, begun, seconds in self._took:
            runs = bisect_right(since, begun) - bisect_left(until, begun)
            load = next(LOADS[least] for least in reversed(LOADS) if runs >= least)
            found[load].setdefault(what, []).append(seconds)
        return {
            load: {what: _percentiles(sorted(times)) for what, times in took.items()}
            for load, took in found.items()
            if took
        }


def _percentiles(times: list[float]) -> dict[str, float]:
    """By nearest rank, so that each is a time that something took."""
    at = {f"p{percent}": times[math.ceil(len(times) * percent / 100) - 1] for percent in (50, 95)}
    return {"count": len(times), **{name: round(seconds, 3) for name, seconds in at.items()}}
