"""The desk's changes, by their names."""

from __future__ import annotations

from evals.desk.faults import FAULTS
from evals.desk.harmless import HARMLESS
from evals.sabotage import Change

CHANGES = (*FAULTS, *HARMLESS)


def find(name: str) -> Change:
    """The change of this name."""
    return next(change for change in CHANGES if change.name == name)
