"""Rows: every control with its cell, and why a cell that can't be asked isn't."""

from __future__ import annotations

from tests.matrix import cells, supervisors
from tests.matrix.cells import Cell

CELLS: dict[str, Cell] = {
    "policy": cells.policy,
    "approval": cells.approval,
    "budget": cells.budget,
    "loop": cells.loop,
    "invalid output": cells.invalid,
    "tool failure": cells.tool_failure,
    "tool timeout": cells.tool_timeout,
    "model timeout": cells.model_timeout,
    "crash": cells.crash,
    "dissent": cells.dissent,
    "audit": cells.audit,
    "personal data": cells.personal_data,
    "cancellation": cells.cancellation,
    "drain": cells.drain,
    "passive supervisor": supervisors.passive,
    "overbearing supervisor": supervisors.overbearing,
    "lonely supervisor": supervisors.lonely,
    "hidden rules": supervisors.hidden_rules,
}

READS_ONLY = "it calls no tool"
ONE_VOICE = "one agent alone, so nobody disagrees"
NOT_APPLICABLE = {
    **{
        ("direct", control): READS_ONLY
        for control in (
            "approval",
            "loop",
            "tool failure",
            "tool timeout",
            "passive supervisor",
            "overbearing supervisor",
        )
    },
    **{(name, "dissent"): ONE_VOICE for name in ("direct", "single")},
}
"""Pattern and control → why the cell is not asked."""
