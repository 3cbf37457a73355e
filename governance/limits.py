"""Limits: what work may cost and how long it may take, read from `limits.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config

from governance.acts import Cost
from governance.approval_rules import ApprovalRules
from governance.canonical import digest
from governance.confidence import ConfidenceRule
from governance.errors import ControlUnavailable
from governance.front_door import FrontDoor
from governance.settings import Settings

UNITS = tuple(unit.name for unit in fields(Cost))
RATED = ("tool", "agent", "user", "tenant")
"""What may have a rate."""
_STRICT = ConfigDict(extra="forbid")


@with_config(_STRICT)
@dataclass(frozen=True, slots=True)
class Budget:
    """Most that a scope may use of each unit; None is no limit, 0 is none at all."""

    model_calls: int | None = None
    tool_calls: int | None = None
    handoffs: int | None = None
    tokens: int | None = None
    micros: int | None = None


@with_config(_STRICT)
@dataclass(frozen=True, slots=True)
class WorkerLimit(Budget):
    """Most that a worker and all who work for it may use in one run.

    Attributes:
        seconds: Longest that it may work at a stretch; waiting for people doesn't count.
    """

    seconds: float | None = None


@with_config(_STRICT)
@dataclass(frozen=True, slots=True)
class Price:
    """Micros for a million tokens."""

    input: int
    output: int


@with_config(_STRICT)
@dataclass(frozen=True, slots=True)
class Timeouts:
    """Longest that one attempt may take, in seconds.

    Attributes:
        pause: How long to wait before a model is tried again whose server was away or overloaded.
    """

    model: float = 120
    pause: float = 0
    tool: float = 60
    remote: float = 10


@with_config(_STRICT)
@dataclass(frozen=True, slots=True)
class Times:
    """How long a run may take.

    Attributes:
        run_seconds: Most that it may be at work; waiting for a person doesn't count. None is no limit.
        service_hours: From request to outcome, waiting included; a later run is shown as late.
    """

    run_seconds: int | None = None
    service_hours: float | None = None


@with_config(_STRICT)
@dataclass(frozen=True, slots=True)
class BreakerRules:
    """When something that fails is left alone.

    Attributes:
        failures: So many in a row open the breaker; 0 is never.
        cool_down: Seconds until one attempt is let through.
    """

    failures: int = 5
    cool_down: float = 60


@with_config(_STRICT)
@dataclass(frozen=True, slots=True)
class Rate:
    """How often something may be done.

    Attributes:
        burst: So many at once after a pause.
        over: What becomes of an act above the rate: it waits for its turn, or is refused.
    """

    per_minute: int
    burst: int = 1
    over: Literal["wait", "refuse"] = "refuse"


@with_config(_STRICT)
@dataclass(frozen=True, slots=True)
class Person:
    """Who answers where a person stands in an agent's place, and by when.

    Attributes:
        roles: Roles of which one is needed to answer.
        hours: From asking until the deputy is asked, and again until no answer means no.
        deputy: Roles that are asked after `hours`; nobody if empty.
    """

    roles: tuple[str, ...]
    hours: float = 24
    deputy: tuple[str, ...] = ()


@with_config(_STRICT)
@dataclass(frozen=True, slots=True)
class Limits:
    """All limits of a deployment.

    Attributes:
        workers: Worker of a supervisor → its limits.
        people: Name of a person's place in a team → who answers there.
        confidence: Tool → how sure the results must be that a call of it rests on.
        degrade_at: Share of the run's budget (0 to 1) from which the degrade step applies.
        degrade: The degrade step: model role → the cheaper role that answers in its place.
        rates: `tool:NAME`, `agent:NAME`, `user:NAME`, `tenant:NAME`, or `tool:*` for each of them.
        anchor_interval: Audit entries between two anchors.
        keep_audit_days: How long an audit entry stays in the database at least.
        legal_hold: Why no audit entry may be dropped at all; empty where nothing is held.
        legal_holds: Tenant → why no segment of the log with an entry of theirs may be dropped.
    """

    run: Budget = Budget(model_calls=20, tool_calls=40, handoffs=6, tokens=60_000)
    agent: Budget = Budget(model_calls=10)
    tenant: Budget = Budget()
    prices: Mapping[str, Price] = field(default_factory=lambda: {"default": Price(0, 0)})
    timeouts: Timeouts = Timeouts()
    approvals: ApprovalRules = field(default_factory=ApprovalRules)
    workers: Mapping[str, WorkerLimit] = field(default_factory=dict)
    people: Mapping[str, Person] = field(default_factory=dict)
    confidence: Mapping[str, ConfidenceRule] = field(default_factory=dict)
    front_door: FrontDoor = field(default_factory=FrontDoor)
    degrade_at: Annotated[float, Field(ge=0, le=1)] = 0.8
    degrade: Mapping[str, str] = field(default_factory=dict)
    times: Times = Times()
    breakers: BreakerRules = BreakerRules()
    rates: Mapping[str, Rate] = field(default_factory=dict)
    anchor_interval: int = 100
    keep_audit_days: int = 184
    legal_hold: str = ""
    legal_holds: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        budgets = (self.run, self.agent, self.tenant, *self.workers.values())
        numbers = [getattr(budget, unit) for budget in budgets for unit in UNITS]
        if any(number is not None and number < 0 for number in numbers):
            msg = "a budget is below 0; 0 means zero, and a unit that is left out has no limit"
            raise ValueError(msg)
        spans = [worker.seconds for worker in self.workers.values() if worker.seconds is not None]
        spans += [*(person.hours for person in self.people.values()), self.timeouts.model, self.timeouts.tool]
        if min(self.anchor_interval, self.keep_audit_days) < 1 or min(spans) <= 0:
            msg = "anchor_interval, keep_audit_days, timeouts, workers' seconds, people's hours: above 0"
            raise ValueError(msg)
        for name, rate in self.rates.items():
            if name.partition(":")[0] not in RATED or min(rate.per_minute, rate.burst) < 1:
                msg = f"rate {name!r} isn't KIND:NAME with one of {', '.join(RATED)} and numbers from 1"
                raise ValueError(msg)

    def price(self, model: str, tokens_in: int, tokens_out: int) -> int:
        """Micros that these tokens cost, rounded up; an unknown model costs the default price."""
        price = self.prices.get(model) or self.prices["default"]
        return -(-(tokens_in * price.input + tokens_out * price.output) // 1_000_000)


_LIMITS = TypeAdapter(Limits)
_OF_THE_LOG = {"anchor_interval", "keep_audit_days", "legal_hold", "legal_holds"}


def version_of(policies: str, limits: Limits) -> str:
    """First 12 hex digits of the SHA-256 over a policy set's version and the limits that clear acts.

    How the log is kept decides no act: who puts a case under a legal hold voids no question to a person.
    """
    said = _LIMITS.dump_python(limits, mode="json", exclude=_OF_THE_LOG, warnings=False)
    return digest([policies, said])[:12]


def load_limits(settings: Settings | None = None, *, folder: Path | None = None) -> Limits:
    """Read `limits.toml`, then those of the domains beside it, then the one in `home`, each over the last.

    Args:
        folder: Where the first file is; the policies' folder by default.

    Raises:
        ControlUnavailable: A file can't be read or says what limits can't be.
    """
    below = folder or Path(__file__).parent / "policies"
    paths = [below / "limits.toml", *sorted(below.glob("*/limits.toml"))]
    if settings and (settings.home / "limits.toml").exists():
        paths.append(settings.home / "limits.toml")
    merged: dict[str, Any] = {}
    for path in paths:
        try:
            merged = _over(merged, tomllib.loads(path.read_text()))
            limits = _LIMITS.validate_python(merged)
        except (OSError, ValueError) as error:
            found = error.errors() if isinstance(error, ValidationError) else ()
            where = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in found)
            msg = f"{path} can't be used: {where or error}"
            raise ControlUnavailable(msg) from error
    return limits


def _over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Merge tables key by key; lists and values of `above` win."""
    both = {
        key: _over(below[key], value)
        for key, value in above.items()
        if isinstance(value, dict) and isinstance(below.get(key), dict)
    }
    return {**below, **above, **both}
