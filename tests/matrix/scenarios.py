"""Scenarios: which test shows which acceptance scenario for which pattern, from `scenarios.toml`, counted."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.matrix.crews import CREWS
from tests.matrix.rows import NOT_APPLICABLE

PATTERNS = tuple(crew.name for crew in CREWS)
TABLE: Mapping[str, Mapping[str, Any]] = tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
)
SHOWN, NOT_SHOWN, CAN_NOT_APPLY = "shown", "not shown", "can't apply"


def standing(number: str, pattern: str) -> tuple[str, str]:
    """One scenario for one pattern: shown by which test, not shown, or why it can't apply.

    Raises:
        LookupError: The table says nothing about it, or two things.
    """
    entry = TABLE[number]
    cell = pattern, entry.get("matrix", "")
    said = [(SHOWN, test) for name, test in entry.get("shown", {}).items() if name == pattern]
    said += [(NOT_SHOWN, "") for name in entry.get("not_shown", ()) if name == pattern]
    if cell[1]:
        why = NOT_APPLICABLE.get(cell)
        said.append((CAN_NOT_APPLY, why) if why else (SHOWN, cell[1]))
    if not said and "needs" in entry:
        said = [(CAN_NOT_APPLY, f"it needs {entry['needs']}")]
    if len(said) != 1:
        msg = f"{number} of {pattern}: the table must say one thing, and says {said}"
        raise LookupError(msg)
    return said[0]


def of_patterns() -> list[str]:
    """Scenarios that are asked of patterns."""
    return [number for number, entry in TABLE.items() if not {"beneath", "open"} & set(entry)]


def summary() -> str:
    """The counts, and what is shown nowhere or not for every pattern that it could be shown for."""
    found = {(n, p): standing(n, p)[0] for n in of_patterns() for p in PATTERNS}
    count = Counter(found.values())
    beneath = sum("beneath" in entry for entry in TABLE.values())
    counts = (
        f"Scenarios: {len(TABLE)}. Of patterns: {len(of_patterns())}, times {len(PATTERNS)} patterns: "
        f"{count[SHOWN]} shown, {count[NOT_SHOWN]} not shown, {count[CAN_NOT_APPLY]} can't apply. "
        f"Beneath all patterns: {beneath}. Open: {len(TABLE) - beneath - len(of_patterns())}."
    )
    lacking = {n: [p for p in PATTERNS if found[n, p] == NOT_SHOWN] for n in of_patterns()}
    not_shown = [f"- {number} not shown: {', '.join(names)}" for number, names in lacking.items() if names]
    is_open = [f"- {number} open: {entry['open']}" for number, entry in TABLE.items() if "open" in entry]
    return "\n".join([counts, *not_shown, *is_open])
