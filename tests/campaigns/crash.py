"""Crash campaign: runs are killed at random moments and at each seam, taken up again, and judged."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from governance.policy import PolicyEngine
from tests.campaigns import judge, leg
from tests.campaigns.desk import ACTING, DOUBTS, EVERY, Case
from tests.campaigns.forks import Life, live
from tests.campaigns.ground import Places
from tests.campaigns.seams import SEAMS, Deadly

MOST_LEGS = 14
MOST_KILLS = 3
"""Of one run; then it is let through, so that each is seen to its end."""
RUNS_A_PLACE = 20
MOST_BYTES = 700_000
"""About what a run's largest file takes."""
SMALL, LARGE = ("T-001", 4_000), ("T-002", 90_000)
Durability = Literal["sync", "async"]


@dataclass(frozen=True)
class Unit:
    """One pattern on one backend with one durability."""

    crew: str
    backend: str
    durability: Durability

    def __str__(self) -> str:
        return f"{self.crew}/{self.backend}/{self.durability}"


@dataclass
class Report:
    """What a unit's runs went through, and what was found."""

    runs: int = 0
    kills: int = 0
    resumes: int = 0
    answered: int = 0
    doubts: int = 0
    unadmitted: int = 0
    seconds: float = 0
    at: Counter[str] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)

    def add(self, other: Report) -> None:
        """Count another one's in."""
        for name in ("runs", "kills", "resumes", "answered", "doubts", "unadmitted", "seconds"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.at += other.at
        self.findings += other.findings


@dataclass(frozen=True)
class Fate:
    """How a process ends before its time.

    Attributes:
        seam: Where, and how many times it is passed before.
        moment: After so many seconds.
        disk: It isn't killed, but no file grows beyond so many bytes.
    """

    name: str = ""
    seam: tuple[str, int] | None = None
    moment: float | None = None
    disk: int | None = None


@dataclass
class Norm:
    """A run that nobody breaks: how long each leg takes, what it passes, how many answers it needs."""

    seconds: float
    passed: dict[str, int]
    answers: int


class Campaign:
    """Breaks runs of one unit until there were enough kills.

    Args:
        places: Makes a fresh place for runs; called every few runs.
        disk: Let the disk be full instead of killing.
    """

    def __init__(
        self, unit: Unit, policy: PolicyEngine, places: Places, seed: int, *, disk: bool = False
    ) -> None:
        self.disk = disk
        self.unit, self.policy, self.places = unit, policy, places
        self.chance = random.Random(f"{seed}/{unit}")
        self.report = Report()
        self.norms: dict[tuple[str, int], Norm] = {}
        self.seams = self._seams()
        self.place = places()

    def run(self, kills: int) -> Report:
        """Break runs until `kills` processes were killed."""
        number = 0
        while self.report.kills < kills:
            number += 1
            if number % RUNS_A_PLACE == 0:
                self.place = self.places()
            self._break(self._case(number))
        return self.report

    def _case(self, number: int) -> Case:
        order = SMALL if self.chance.random() < 0.7 else LARGE
        doubt = self.chance.choice(DOUBTS)
        return Case(self.place, EVERY[self.unit.crew], f"t-{number}", order, doubt, self.unit.durability)

    def _norm(self, case: Case) -> Norm:
        """A whole run of such a case, once for all."""
        if case.order not in self.norms:
            calm = replace(case, thread=f"calm-{case.order[0]}", doubt="idempotent")
            run, seconds, passed = None, [], Counter[str]()
            for number in range(2):
                life = self._leg(calm, run, number, Fate())
                run = run or life.told.get("run")
                seconds.append(life.seconds)
                passed |= Counter(life.told.get("passed", {}))
                if life.told.get("state") == "ended":
                    break
                live(lambda tell, run=run: leg.people(calm, self.policy, run=run, tell=tell))  # type: ignore[misc]
            seen = self._look(calm)
            self._find(calm, [f"undisturbed: {each}" for each in self._judged(seen, len(seen["models"]))])
            self.norms[case.order] = Norm(max(seconds), dict(passed), len(seen["models"]))
        return self.norms[case.order]

    def _break(self, case: Case) -> None:
        norm = self._norm(case)
        before, run = self._look(case), None
        for number in range(MOST_LEGS):
            fate = self._fate(norm) if number < MOST_KILLS else Fate()
            life = self._leg(case, run, number, fate)
            after = self._look(case)
            stopped = life.killed or (fate.disk is not None and _by_the_disk(life))
            found = judge.at_any_time(case, after) + judge.unflagged(before, after)
            found += judge.paid_twice(case, after | {"models": before["models"]}, number)
            self._find(case, found + ([] if stopped and not life.killed else self._troubles(life)))
            self._count(stopped=stopped, name=fate.name, resumed=run is not None, admitted=bool(after["run"]))
            run, before = after["run"], after
            if after["state"] == "ended":
                break
            if run and not stopped and not self._answered(case, run):
                self._find(case, [f"lost in leg {number}: {after['state']}, and it asks nobody anything"])
                break
        else:
            self._find(case, [f"lost: {before['state']} after {MOST_LEGS} legs"])
        self.report.runs += 1
        if before["state"] == "ended":
            self._find(case, self._judged(before, norm.answers))

    def _judged(self, seen: judge.Seen, answers: int) -> list[str]:
        return judge.at_the_end(seen, answers, refunds=int(self.unit.crew in ACTING))

    def _count(self, *, stopped: bool, name: str, resumed: bool, admitted: bool) -> None:
        self.report.kills += stopped
        self.report.resumes += resumed
        self.report.at[name] += stopped
        self.report.unadmitted += stopped and not admitted

    def _fate(self, norm: Norm) -> Fate:
        """How the next process ends: at a seam that it is likely to pass, or at a moment."""
        if self.disk:
            return Fate("a full disk", disk=self.chance.randrange(4_096, MOST_BYTES))
        if self.chance.random() < 0.4:
            return Fate("a random moment", moment=self.chance.uniform(0, 1.1) * norm.seconds)
        seam = next(seam for seam in self.seams if norm.passed.get(seam))
        return Fate(seam, seam=(seam, int(norm.passed[seam] * self.chance.random() ** 2)))

    def _seams(self) -> Iterator[str]:
        """Each in its turn, so that none is left out."""
        while True:
            yield from self.chance.sample(SEAMS, len(SEAMS))

    def _leg(self, case: Case, run: str | None, number: int, fate: Fate) -> Life:
        return live(
            lambda tell: leg.go_on(
                case, self.policy, run=run, leg=number, deadly=Deadly(fate.seam), disk=fate.disk, tell=tell
            ),
            kill_after=fate.moment,
        )

    def _answered(self, case: Case, run: str) -> int:
        life = live(lambda tell: leg.people(case, self.policy, run=run, tell=tell))
        self._find(case, self._troubles(life))
        answered = life.told.get("answered", [])
        self.report.answered += len(answered)
        self.report.doubts += sum(what.startswith("effect") for what in answered)
        return len(answered)

    def _look(self, case: Case) -> judge.Seen:
        life = live(lambda tell: judge.look(case, self.policy, tell))
        if "whole" not in life.told:
            msg = f"the judge could not look: {life.told.get('raised', life)}"
            raise RuntimeError(msg)
        return life.told

    def _troubles(self, life: Life) -> list[str]:
        troubles = ["it hung"] if life.hung else []
        return [*troubles, life.told["raised"]] if "raised" in life.told else troubles

    def _find(self, case: Case, found: list[str]) -> None:
        about = f"{self.unit} {case.thread} {case.order[0]} {case.doubt} in {case.place.home}"
        self.report.findings += [f"{about}: {each}" for each in found]


def _by_the_disk(life: Life) -> bool:
    """Whether a process ended because it could not write, and said so."""
    lines = str(life.told.get("raised", "")).splitlines()
    said = ("governance.errors.ControlUnavailable", "sqlite3.OperationalError", "OSError: [Errno 27]")
    return any(line.startswith(said) for line in lines)


def told(report: Report) -> dict[str, Any]:
    """A report as JSON."""
    return {**vars(report), "at": dict(report.at)}
