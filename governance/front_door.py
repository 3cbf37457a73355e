"""Front door: when it takes which pattern, and what it must have seen before it learns."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import ConfigDict, with_config


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True, slots=True)
class FrontDoor:
    """When the front door takes which pattern, and what it has to know before it learns.

    Attributes:
        one_agent_tasks: So many tasks of one specialist are one agent's work.
        coupled: Percent of the needs that tie parallel tasks together, from which they are coupled.
        evidence: Recorded runs of a class of task from which the records decide; and the weight of
            runs that two patterns each need before one of them may leave the front door.
        forget: What a recorded run counts for after each later one (0 to 1).
        rework_tokens: What a run that solves nothing costs elsewhere, in tokens.
        confidence: Percent; a result that is less sure of itself goes one rung up.
    """

    one_agent_tasks: int = 3
    coupled: int = 25
    evidence: int = 10
    forget: float = 0.97
    rework_tokens: int = 20_000
    confidence: int = 30

    def __post_init__(self) -> None:
        if not 0 < self.forget <= 1 or min(self.evidence, self.rework_tokens) < 1:
            msg = "front_door: forget is above 0 and at most 1; evidence and rework_tokens are at least 1"
            raise ValueError(msg)
