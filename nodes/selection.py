"""Selection: which pattern takes a request, from the plan, policy and what was recorded; no I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from governance.choices import Trial
from governance.front_door import FrontDoor
from nodes.bandit import drawn, left, remembered
from nodes.topology import Rule, Shape, Task, shape_of, topology

NOBODY = "person"
"""Where a request goes that no pattern is for."""


@dataclass(frozen=True, slots=True)
class Job:
    """A class of task that a front door knows.

    Attributes:
        plan: The usual tasks; a chooser that can plan may give others. Empty where nobody knows them
            in advance.
        ladder: Patterns that can do it, the simplest first; none where it isn't this desk's work.
        sources: A result without evidence doesn't pass the quality gate.
        effect: The tool without whose effect on record it isn't done, whatever the answer says.
    """

    name: str
    plan: tuple[Task, ...] = ()
    ladder: tuple[str, ...] = ()
    sources: bool = False
    effect: str = ""


@dataclass(frozen=True, slots=True)
class Selection:
    """A choice with all that it rests on, as the journal keeps it.

    Attributes:
        reason: The chooser's own words; they decide nothing.
        planned_by: `chooser` or `usual`, whoever the plan is of.
        ruled_out: Patterns that policy forbids → why.
        left: Patterns that have left the front door → why.
        records: What was remembered of each pattern at that time, by name.
        draws: What the bandit drew, where it decided.
        by: What decided: `rule`, `nearest` (the rule's pattern isn't open), `records`, `climb`, or
            `nobody` where there was nothing to choose.
        climbed: On a climb, the rung before and why its outcome didn't pass.
    """

    to: str
    by: str
    job: str
    reason: str
    plan: Sequence[Mapping[str, Any]]
    planned_by: str
    shape: Shape
    rule: Rule
    ladder: Sequence[str]
    ruled_out: Mapping[str, str]
    left: Mapping[str, str]
    records: Mapping[str, Mapping[str, float]]
    draws: Mapping[str, float] = field(default_factory=dict)
    climbed: Mapping[str, str] | None = None

    def to_json(self) -> dict[str, Any]:
        """As the journal keeps it."""
        return asdict(self)


def select(
    job: Job,
    plan: Sequence[Task],
    *,
    reason: str,
    ruled_out: Mapping[str, str],
    trials: Sequence[Trial],
    limits: FrontDoor,
    seed: str,
) -> Selection:
    """Choose a pattern; the same arguments always choose the same.

    The rule's pattern is taken (or the nearest that is open) until `limits.evidence` runs of this job
    are recorded; from then on the bandit chooses among the job's open patterns.

    Args:
        plan: The chooser's own tasks; without any the job's usual ones stand.
        ruled_out: Patterns of the job's ladder that policy forbids → why.
        trials: Recorded runs of this job, newest first.
        seed: The run's id and place.
    """
    tasks = tuple(plan) or job.plan
    shape = shape_of(tasks)
    rule = topology(shape, limits)
    arms = remembered(trials, limits)
    permitted = [pattern for pattern in job.ladder if pattern not in ruled_out]
    gone = left(permitted, arms, limits)
    open_ = [pattern for pattern in permitted if pattern not in gone]
    draws: Mapping[str, float] = {}
    if not job.ladder:
        to, by = NOBODY, "nobody"
    elif len(open_) > 1 and len(trials) >= limits.evidence:
        draws = drawn(open_, arms, seed)
        to, by = max(open_, key=lambda pattern: draws[pattern]), "records"
    else:
        to = nearest(rule.pattern, job.ladder, open_)
        by = "rule" if to == rule.pattern else "nearest"
    return Selection(
        to=to,
        by=by,
        job=job.name,
        reason=reason,
        plan=[task.model_dump() for task in tasks],
        planned_by="chooser" if plan else "usual",
        shape=shape,
        rule=rule,
        ladder=job.ladder,
        ruled_out=dict(ruled_out),
        left=gone,
        records={pattern: asdict(arms[pattern]) for pattern in job.ladder if pattern in arms},
        draws=draws,
    )


def nearest(wanted: str, ladder: Sequence[str], open_: Sequence[str]) -> str:
    """The wanted pattern, or the next simpler that is open, or the next above it.

    Where nothing is open it is the wanted one or the simplest, so that policy's refusal is asked for.
    """
    if not open_:
        return wanted if wanted in ladder else ladder[0]
    if wanted not in ladder:
        return open_[0]
    simpler = [pattern for pattern in ladder[: ladder.index(wanted) + 1] if pattern in open_]
    return simpler[-1] if simpler else open_[0]
