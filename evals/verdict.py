"""Verdict: what a gate found of each demand, and what it says of a release."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from evals.statistics import Interval
from evals.thresholds import Metric, Pending, Safety


class State(StrEnum):
    """What the gate says; of several the first of this list wins."""

    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"
    PASS = "PASS"  # noqa: S105 - a word, not a secret


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of one demand.

    Attributes:
        reasons: Why it isn't PASS, and what else to know.
        n: Cases; of both splits, unless the metric asks for one.
        held_out: The mean of those that nobody who tunes has read.
        change: After less before over the cases of both, in the metric's own unit; bounds by bootstrap.
        p: Of the exact McNemar test, adjusted by Holm.
        sees: The smallest drop that test or floor show at this n, or None if they show none.
        blocks: False for a judge that wasn't calibrated: it is shown and stops nothing.
        worse: Cases that got worse, or that did harm.
    """

    key: str
    state: State
    reasons: tuple[str, ...]
    metric: Metric | Safety
    mean: float = 0.0
    n: int = 0
    held_out: float | None = None
    before: float | None = None
    change: Interval | None = None
    p: float | None = None
    sees: float | None = None
    blocks: bool = True
    worse: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate says of one experiment.

    Attributes:
        fingerprint: Of what is undecided and of the thresholds; a sign-off is bound to it.
        commit, policy: Of what was evaluated.
        stale: What of it isn't what would go out now; nothing that is stale passes.
        against: Models other than its own whose results are the baseline.
    """

    experiment: str
    state: State
    findings: tuple[Finding, ...]
    pending: tuple[Pending, ...]
    thresholds: str
    fingerprint: str
    commit: str = ""
    policy: str = ""
    stale: tuple[str, ...] = ()
    against: tuple[str, ...] = ()

    def of(self, state: State) -> list[Finding]:
        """Findings in a state, those that block."""
        return [f for f in self.findings if f.state is state and f.blocks]


def by_reason(findings: Iterable[Finding]) -> dict[str, list[Finding]]:
    """Reason → the findings that it holds for, so that what many share is told once."""
    found: dict[str, list[Finding]] = {}
    for each in findings:
        for reason in each.reasons:
            found.setdefault(reason, []).append(each)
    return found
