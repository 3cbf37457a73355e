"""Floors: what doing nothing, and handing everything to a person, would score in every metric."""

from __future__ import annotations

from collections.abc import Mapping

from evals.summary import BESIDE

SILENT = frozenset({
    "faithfulness_ref", "faithfulness_judge", "reasoning_coherence_ref", "tool_call_validity"
})  # fmt: skip
"""Who says nothing says nothing wrong; in any other metric nothing gains nothing and does no harm: 0."""

HANDING_OVER = frozenset({"escalation_rate", "manual_touch_points"})
ALIKE = {"policy_critical_success": "goal_success_rate"}
"""The same of fewer cases."""


def with_floors(layer: str, scores: Mapping[str, float]) -> dict[str, float]:
    """Scores with the null agent's beside each, and of whole requests `escalate`'s too.

    Args:
        scores: Those that are there already stay: they know the case.
    """
    found = dict(scores)
    for name in (each for each in scores if BESIDE not in each):
        known = ALIKE.get(name, name)
        null = f"{known}{BESIDE}null"
        found.setdefault(f"{name}{BESIDE}null", found.get(null, float(name in SILENT)))
        if layer == "output":
            # Records stay as they are, and nothing is said: what nothing does, but for the person's time.
            alone = float(name in HANDING_OVER) or found[f"{name}{BESIDE}null"]
            found.setdefault(f"{name}{BESIDE}escalate", found.get(f"{known}{BESIDE}escalate", alone))
    return found
