"""Standing: how each pattern does on each class of task, and whether it is worth its cost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from evals.rows import Row
from evals.statistics import mcnemar, smallest_drop
from evals.thresholds import read_thresholds

GOAL = "goal_success_rate"
"""Judged by the database."""

UNKNOWN = "not known"
"""The class of a case of which no run got as far as the front door's choice."""

NO_PATTERN = frozenset({"none", "person", "adaptive"})
"""What has a row instead of a pattern: nothing, a person, or a front door that got to no choice."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How one pattern did on one class of task.

    Attributes:
        quality: Share of the cases whose goal was reached.
        tokens, seconds: Mean of a case.
        said: What follows, in words; a pattern that doesn't beat the next simpler one is named, where the
            cases that both have are enough for the gate's test to show anything.
    """

    job: str
    pattern: str
    n: int
    quality: float
    tokens: float
    seconds: float
    cases: Mapping[str, float]
    said: str = ""


def standings(
    rows: Iterable[Row], ladder: Sequence[str], jobs: Mapping[str, str] | None = None
) -> list[Standing]:
    """Sum up rows of the output layer by class of task and pattern, the simplest pattern first.

    A row's pattern is the one that did the work (`got["graph"]`).

    Args:
        ladder: Patterns, the simplest first.
        jobs: Case → class of task, where it is known; without any it is the pattern that is expected.
    """
    groups = defaultdict[tuple[str, str], list[Row]](list)
    for row in rows:
        if row.layer == "output" and (GOAL in row.scores or row.error):
            groups[_job(row, jobs), pattern_of(row)].append(row)
    made = [_standing(job, pattern, mine) for (job, pattern), mine in groups.items()]
    rank = {pattern: number for number, pattern in enumerate(ladder)}
    made.sort(key=lambda s: (s.job == UNKNOWN, s.job, rank.get(s.pattern, len(rank)), s.pattern))
    return [replace(s, said=_worth(s, _simpler(s, made))) for s in made]


def pattern_of(row: Row) -> str:
    """The pattern that did the work of a row, or `none`."""
    return str(row.got.get("graph") or "none") if isinstance(row.got, dict) else "none"


def not_worth_it(made: Iterable[Standing]) -> list[str]:
    """Patterns that don't beat the next simpler one, with the class of task."""
    return [f"{s.pattern} on {s.job}: {s.said}" for s in made if s.said.startswith("doesn't beat")]


def _job(row: Row, jobs: Mapping[str, str] | None) -> str:
    if jobs is not None:
        return jobs.get(row.case, UNKNOWN)
    expected = row.expected.get("graph", ()) if isinstance(row.expected, dict) else ()
    return " or ".join(expected) or "all"


def _standing(job: str, pattern: str, rows: Sequence[Row]) -> Standing:
    scores = defaultdict[str, list[float]](list)
    for row in rows:
        scores[row.case].append(0.0 if row.error else row.scores[GOAL])
    cases = {case: sum(each) / len(each) for case, each in scores.items()}
    n = len(rows)
    return Standing(
        job,
        pattern,
        len(cases),
        sum(cases.values()) / len(cases),
        sum(row.tokens for row in rows) / n,
        sum(row.seconds for row in rows) / n,
        cases,
    )


def _simpler(standing: Standing, made: Sequence[Standing]) -> Standing | None:
    """The next simpler pattern that was tried on the same class of task; cases without one are no class."""
    same = [s for s in made if s.job == standing.job != UNKNOWN and s.pattern not in NO_PATTERN]
    place = same.index(standing) if standing in same else 0
    return same[place - 1] if place else None


def _worth(s: Standing, simpler: Standing | None) -> str:
    if simpler is None:
        return ""
    both = sorted(s.cases.keys() & simpler.cases.keys())
    if not both:
        return f"no case in common with {simpler.pattern}"
    gains = [s.cases[case] - simpler.cases[case] for case in both]
    gain, p, limits = sum(gains) / len(gains), mcnemar(gains), read_thresholds()
    sees = smallest_drop(len(both), alpha=limits.alpha, power=limits.power)
    if sees is None:
        return f"too few to tell: {gain:+.3f} over {simpler.pattern} on {len(both)} cases"
    more = f"{gain:+.3f} over {simpler.pattern} on {len(both)} cases (p = {p:.2g}, sees {sees:.2f})"
    times = s.tokens / max(1, simpler.tokens)
    return more if gain > 0 else f"doesn't beat {simpler.pattern}: {more}, for {times:.1f} times the tokens"
