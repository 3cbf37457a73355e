"""Dead time: what a run spent in which neither a model nor a tool was at work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from governance.clock import moment


def dead_seconds(entries: Sequence[Mapping[str, Any]]) -> float:
    """Of a run's entries of the audit log, from the first to the last."""
    if not entries:
        return 0.0
    first, last = (moment(entries[i]["time"]).timestamp() for i in (0, -1))
    return max(0.0, last - first - _covered(list(_spans(entries))))


def _spans(entries: Sequence[Mapping[str, Any]]) -> Iterator[tuple[float, float]]:
    """When models and tools were at work: from an act's clearance to its end."""
    begun: dict[str, float] = {}
    for entry in entries:
        at = moment(entry["time"]).timestamp()
        if entry.get("seam") not in ("model", "tool"):
            continue
        if entry["kind"] == "cleared":
            begun[entry["key"]] = at
        elif entry["kind"] in ("settled", "failed") and entry.get("key") in begun:
            yield begun.pop(entry["key"]), at


def _covered(spans: Sequence[tuple[float, float]]) -> float:
    """Length of the union of spans."""
    covered, until = 0.0, float("-inf")
    for start, end in sorted(spans):
        covered += max(0.0, end - max(start, until))
        until = max(until, end)
    return covered
