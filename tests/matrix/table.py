"""The table: what each pattern holds, as it stands in the README and as `make matrix` prints it."""

from __future__ import annotations

from collections.abc import Mapping

from tests.matrix.crews import CREWS
from tests.matrix.rows import CELLS, NOT_APPLICABLE

HOLDS, SURVIVED, BROKEN, NOT_ASKED, NOT_RUN = "✓", "no check", "✗", "-", "?"

Results = Mapping[tuple[str, str], str]
"""Pattern and control → one of the words above."""


def markdown(results: Results | None = None) -> str:
    """The table; without results it is what all cells together promise."""
    patterns = [crew.name for crew in CREWS]
    lines = ["| | " + " | ".join(f"`{name}`" for name in patterns) + " |"]
    lines.append("|---" * (len(patterns) + 1) + "|")
    for control in CELLS:
        cells = [_cell(name, control, results) for name in patterns]
        lines.append(f"| {control} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", *_notes()])


def _notes() -> list[str]:
    reasons: dict[str, list[str]] = {}
    for (name, control), why in NOT_APPLICABLE.items():
        reasons.setdefault(why, []).append(f"`{name}` {control}")
    return [f"- `{NOT_ASKED}` {why}: {', '.join(named)}." for why, named in reasons.items()]


def _cell(name: str, control: str, results: Results | None) -> str:
    if (name, control) in NOT_APPLICABLE:
        return NOT_ASKED
    return HOLDS if results is None else results.get((name, control), NOT_RUN)
