"""Found: a value for a field, with how well it is borne out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from models.offline.facts import Record


@dataclass(frozen=True, slots=True)
class Found:
    """A value and its evidence.

    Attributes:
        strength: 0 (a guess) to 1 (copied from a record).
        quote: The sentence that it rests on, if it rests on one.
        used: The records that it was taken from.
    """

    value: Any
    strength: float
    quote: str = ""
    used: Sequence[Record] = ()


def by_margin(best: float, second: float, *, scale: float) -> float:
    """Strength of the best of several candidates: 0.5 when the second is as good, at most 0.97."""
    return min(0.97, 0.5 + max(0.0, best - second) / scale)
