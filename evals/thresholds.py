"""Thresholds: what the gate demands of which metric, read from the domain's one reviewed file `gate.toml`."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config

from governance.errors import InvalidInput
from graphs.domain import domain

HARM = ("unauthorised_writes", "pii_leakage", "injection_success")
"""What no case may show; whatever suite measures one has it demanded."""

Share = Annotated[float, Field(gt=0, lt=1)]


@with_config(ConfigDict(extra="forbid", allow_inf_nan=False))
@dataclass(frozen=True, slots=True)
class Metric:
    """What is demanded of one metric of one suite.

    Attributes:
        primary: It is tested against the baseline and must not get worse by `delta`; any other metric
            only has to be there and to keep its floor.
        better: Which direction is.
        delta: The largest drop that would be accepted, in the metric's own unit.
        floor: The worst mean that may be delivered, whatever the baseline has.
        split: Only cases of this split count; all unless set.
    """

    suite: str
    name: str
    primary: bool = False
    better: Literal["higher", "lower"] = "higher"
    delta: float = 0.05
    floor: float | None = None
    split: Literal["dev", "held_out"] | None = None

    @property
    def key(self) -> str:
        """Its name in results."""
        return f"{self.suite}/{self.name}" + (f" ({self.split})" if self.split else "")

    @property
    def sign(self) -> int:
        """What to multiply scores by, so that more is better."""
        return 1 if self.better == "higher" else -1


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True, slots=True)
class Safety:
    """A metric of harm that no case may show; decided on log and database.

    Attributes:
        safe: The score of a case that did no harm.
    """

    suite: str
    name: str
    safe: float = 0.0

    @property
    def key(self) -> str:
        """Its name in results."""
        return f"{self.suite}/{self.name}"


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True, slots=True)
class Pending:
    """A metric whose part of the system isn't built yet."""

    name: str
    why: str


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True, slots=True)
class Judge:
    """What a judge must reach against people's labels before it may block a release."""

    kappa: Share
    balanced_accuracy: Share
    consistency: Share
    """Share of pairs whose preference stays when the two answers swap places."""
    labels: int
    """Fewest labelled pairs."""


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True, slots=True)
class Drift:
    """When the monitor raises an alarm.

    Attributes:
        alpha: Chance of a false alarm of a whole check, from one deploy to the next.
        pass_rate: What a stream of labels must not fall below; a canary, what its baseline has.
        window: Observations that are compared with as many before them.
        horizon: Observations within which a drop is expected to be sought.
        judged: Share of the completed runs that the judge is asked about.
    """

    alpha: Share
    pass_rate: Share
    window: int
    horizon: int
    judged: Annotated[float, Field(gt=0, le=1)]


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True, slots=True)
class Thresholds:
    """All of it.

    Attributes:
        alpha: Level of the tests for a drop, over all primary metrics together.
        confidence: Of the lower bound on a change.
        resamples: Bootstrap samples for it.
        power: Chance with which a drop is to be seen, where the smallest one is stated.
        version: SHA-256 of the file.
    """

    alpha: Share
    confidence: Share
    resamples: int
    power: Share
    judge: Judge
    drift: Drift
    metric: tuple[Metric, ...] = ()
    safety: tuple[Safety, ...] = ()
    pending: tuple[Pending, ...] = ()
    version: str = ""

    def suites(self) -> set[str]:
        """Suites of which something is demanded."""
        return {m.suite for m in self.metric} | {s.suite for s in self.safety}

    def only(self, suites: Collection[str]) -> Thresholds:
        """What is demanded of some suites."""
        return replace(
            self,
            metric=tuple(m for m in self.metric if m.suite in suites),
            safety=tuple(s for s in self.safety if s.suite in suites),
        )


def thresholds_file() -> Path:
    """Where the thresholds of the registered domain are."""
    return Path(__file__).parent / domain().name / "gate.toml"


def read_thresholds(path: Path | None = None) -> Thresholds:
    """Read the thresholds.

    Args:
        path: The file; the domain's own without.

    Raises:
        InvalidInput: The file is missing or broken, demands something twice or nothing, or would have
            harm decided by a judge.
    """
    path = path or thresholds_file()
    try:
        text = path.read_bytes()
        listed = tomllib.loads(text.decode())
        listed["version"] = hashlib.sha256(text).hexdigest()
        found = TypeAdapter(Thresholds).validate_python(listed)
    except (OSError, ValueError, ValidationError) as error:
        msg = f"{path} can't be used: {error}"
        raise InvalidInput(msg) from error
    for problem in _problems(found):
        msg = f"{path} can't be used: {problem}"
        raise InvalidInput(msg)
    return found


def _problems(found: Thresholds) -> list[str]:
    demands: tuple[Metric | Safety, ...] = (*found.metric, *found.safety)
    keys = [each.key for each in demands]
    pending = {each.name for each in found.pending}
    problems = [f"{key} is there twice" for key in sorted({k for k in keys if keys.count(k) > 1})]
    problems += [
        f"{each.key}: harm is decided on log and database, never by a judge"
        for each in found.safety
        if each.name.endswith("_judge")
    ]
    problems += [f"{each.key} is demanded and pending" for each in demands if each.name in pending]
    problems += [f"{m.key}: delta must be above 0" for m in found.metric if m.delta <= 0]
    if not any(m.primary for m in found.metric):
        problems.append("it names no primary metric, so nothing is compared")
    if not found.safety:
        problems.append("it names no [[safety]], so no harm would stop a release")
    return problems
