"""Resolve: how verdicts that differ become one, by declared policies tried in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nodes.team import Agent
from nodes.verdict import Given, distinct


@dataclass(frozen=True)
class Vote:
    """More than half of the verdicts say the same; at a tie, or without a majority, it settles nothing."""

    name: str = "vote"

    def settle(self, verdicts: Given) -> str | None:
        """The choice, or None."""
        return _majority(dict.fromkeys(verdicts, 1), verdicts)


@dataclass(frozen=True)
class Weighted:
    """More than half of the weight says the same.

    Attributes:
        weights: Branch → weight, integers above 0; without them a verdict weighs its confidence.
    """

    weights: Mapping[str, int] | None = None
    name: str = "weighted"

    def settle(self, verdicts: Given) -> str | None:
        """The choice, or None."""
        confidences = {branch: int(verdict["confidence"]) for branch, verdict in verdicts.items()}
        return _majority(self.weights or confidences, verdicts)


@dataclass(frozen=True)
class HighestAuthority:
    """The verdict of the first branch in `order` that has one.

    Attributes:
        order: Branches, the highest authority first.
        only: The one choice that is beyond the others' vote, such as `decline`; any other settles nothing.
    """

    order: Sequence[str]
    only: str | None = None
    name: str = "highest_authority"

    def settle(self, verdicts: Given) -> str | None:
        """The choice, or None where none of them gave a verdict that counts."""
        said = next((str(verdicts[branch]["choice"]) for branch in self.order if branch in verdicts), None)
        return said if self.only in (None, said) else None


@dataclass(frozen=True)
class Arbiter:
    """An agent reads all positions with their evidence and is asked once which of them holds.

    Attributes:
        agent: Returns the same verdict; a choice that is nobody's position settles nothing.
    """

    agent: Agent

    @property
    def name(self) -> str:
        """The name of its node."""
        return self.agent.name


@dataclass(frozen=True)
class AskHuman:
    """A person reads all positions with their evidence and decides.

    Attributes:
        role: Whom the pattern counts on; who may answer is in `limits.toml`, and it must agree.
    """

    role: str
    name: str = "ask_human"


Rule = Vote | Weighted | HighestAuthority
"""What code can apply to verdicts as they are."""

Resolution = Rule | Arbiter | AskHuman


def _majority(weights: Mapping[str, int], verdicts: Given) -> str | None:
    total = sum(weights.get(branch, 0) for branch in verdicts)
    for choice in distinct(verdicts):
        behind = sum(weights.get(b, 0) for b, verdict in verdicts.items() if verdict["choice"] == choice)
        if 2 * behind > total:
            return choice
    return None
