"""Spent: what was used, by whom and on what, added up from the audit log."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from governance import budget
from governance.acts import Seam
from governance.clock import stamp
from governance.limits import UNITS, Budget
from governance.store import Tx

PAID = ("settled", "failed", "unknown", "abandoned")
"""Kinds of entries whose cost was paid."""
_COLUMNS = ("run", "agent", "user", "seam", "action", "model", "cost")


def uses(tx: Tx, tenant: str, *, run: str | None, since: datetime) -> list[dict[str, Any]]:
    """Every paid act of a tenant since then, or of one run, with its cost by unit."""
    where, asked = ("run = ?", run) if run else ("time >= ?", stamp(since))
    rows = tx.all(
        "SELECT run, actor, user_id, seam, action, model, cost FROM audit"
        f" WHERE tenant = ? AND {where} AND kind IN ({', '.join('?' * len(PAID))}) AND cost <> '{{}}'",
        (tenant, asked, *PAID),
    )
    found = [dict(zip(_COLUMNS, row, strict=True)) for row in rows]
    return [use | {"cost": json.loads(use["cost"])} for use in found]


def grouped(found: Iterable[Mapping[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Totals by run, agent, user, model and tool, the largest first."""
    totals: dict[str, dict[str, dict[str, int]]] = {
        f"by_{name}": {} for name in ("run", "agent", "user", "model", "tool")
    }
    for use in found:
        keys = {"by_run": use["run"], "by_agent": use["agent"], "by_user": use["user"]}
        if use["seam"] == Seam.MODEL:
            keys["by_model"] = use["model"]
        elif use["seam"] == Seam.TOOL:
            keys["by_tool"] = use["action"]
        for group, name in keys.items():
            total = totals[group].setdefault(name or "-", dict.fromkeys(UNITS, 0))
            for unit, count in use["cost"].items():
                total[unit] += count
    return {
        group: [{"name": name, **total} for name, total in _largest(names)] for group, names in totals.items()
    }


def purse(tx: Tx, scope: str, limit: Budget) -> dict[str, dict[str, int | None]]:
    """Spent, reserved and most of each unit of a scope."""
    spent, reserved = budget.spent(tx, scope), budget.reserved(tx, scope)
    return {
        unit: {
            "spent": getattr(spent, unit),
            "reserved": getattr(reserved, unit),
            "limit": getattr(limit, unit),
        }
        for unit in UNITS
    }


def _largest(names: Mapping[str, dict[str, int]]) -> list[tuple[str, dict[str, int]]]:
    def size(item: tuple[str, dict[str, int]]) -> tuple[int, ...]:
        total = item[1]
        return (-total["micros"], -total["tokens"], -total["model_calls"] - total["tool_calls"])

    return sorted(names.items(), key=lambda item: (size(item), item[0]))
