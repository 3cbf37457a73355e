"""Confidence: an act whose results are less sure than policy asks for waits for a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, with_config

from governance.acts import Act, Decision, Effect, Json, Seam

FACT = "confidence"
"""Under this name an act says how sure the results are that it rests on, and policy reads it."""


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True, slots=True)
class ConfidenceRule:
    """How sure the results behind an act must be.

    Attributes:
        least: Percent; below it a person decides. An act that doesn't say how sure they are is below.
        before_asking: Who looks once more first, in this order: the `same` agent, or `another`
            one where the step has a fallback.
    """

    least: Annotated[int, Field(ge=0, le=100)]
    before_asking: tuple[Literal["same", "another"], ...] = ()


def stated(act: Act) -> dict[str, Json]:
    """What the audit log says of it."""
    return {FACT: act.facts[FACT]} if FACT in act.facts else {}


def held(decision: Decision, act: Act, rules: Mapping[str, ConfidenceRule]) -> Decision:
    """The decision on an act that nobody approved; one that isn't sure enough isn't simply allowed."""
    rule, sure = rules.get(act.action) if act.seam is Seam.TOOL else None, act.facts.get(FACT)
    if rule is None or decision.effect is Effect.DENY or (sure is not None and sure >= rule.least):
        return decision
    said = "nothing says how sure they are" if sure is None else f"they are {sure} % sure"
    why = f"{act.action} needs results that are {rule.least} % sure, and {said}."
    reason = " ".join(filter(None, (decision.reason, why)))
    return replace(decision, effect=Effect.APPROVE, policies=(*decision.policies, FACT), reason=reason)
