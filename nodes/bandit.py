"""Bandit: patterns compete on recorded outcomes, by Thompson sampling with forgetting."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from governance.choices import Trial
from governance.front_door import FrontDoor


@dataclass(frozen=True, slots=True)
class Arm:
    """What is remembered of one pattern; a record counts `forget ** later records` of itself.

    Attributes:
        runs: Records, forgetting aside.
        weight: What they count for together.
        quality: Mean, 0 to 1.
        tokens: Mean.
        seconds: Mean time at work.
    """

    runs: int
    weight: float
    quality: float
    tokens: float
    seconds: float

    def worth(self, limits: FrontDoor) -> float:
        """Quality for 1,000 tokens, where what wasn't solved costs `rework_tokens` elsewhere."""
        return 1000 * self.quality / (self.tokens + (1 - self.quality) * limits.rework_tokens or 1)


def remembered(trials: Iterable[Trial], limits: FrontDoor) -> dict[str, Arm]:
    """What is remembered of each pattern.

    Args:
        trials: Of one class of task, newest first.
    """
    runs: dict[str, int] = {}
    sums: dict[str, tuple[float, float, float, float]] = {}
    for age, trial in enumerate(trials):
        weight = limits.forget**age
        one = (weight, weight * trial.quality / 100, weight * trial.tokens, weight * trial.millis / 1000)
        so_far = sums.get(trial.pattern, (0.0, 0.0, 0.0, 0.0))
        sums[trial.pattern] = (
            so_far[0] + one[0], so_far[1] + one[1], so_far[2] + one[2], so_far[3] + one[3]
        )  # fmt: skip
        runs[trial.pattern] = runs.get(trial.pattern, 0) + 1
    return {p: Arm(runs[p], w, q / w, tokens / w, s / w) for p, (w, q, tokens, s) in sums.items()}


def drawn(patterns: Sequence[str], arms: Mapping[str, Arm], seed: str) -> dict[str, float]:
    """Draw a quality for each pattern from what is believed of it: Beta(1 + solved, 1 + unsolved).

    Args:
        seed: The run's place, so that the same choice is made when it is made again.
    """
    draws = {}
    for pattern in patterns:
        arm = arms.get(pattern, Arm(0, 0.0, 0.0, 0.0, 0.0))
        digest = hashlib.sha256(f"{seed}/{pattern}".encode()).digest()
        chance = random.Random(int.from_bytes(digest))  # noqa: S311 - nothing is kept secret by it
        draws[pattern] = chance.betavariate(1 + arm.weight * arm.quality, 1 + arm.weight * (1 - arm.quality))
    return draws


def left(ladder: Sequence[str], arms: Mapping[str, Arm], limits: FrontDoor) -> dict[str, str]:
    """Which patterns leave the front door: no better on quality per cost than the next simpler that stays.

    Both need records that still count for `evidence` runs. As records are forgotten a pattern that has
    left falls below that, and is tried again.

    Returns:
        Pattern → why, in numbers.
    """
    gone: dict[str, str] = {}
    stays = list(ladder[:1])
    for pattern in ladder[1:]:
        mine, simpler = arms.get(pattern), arms.get(stays[-1])
        known = mine and simpler and min(mine.weight, simpler.weight) >= limits.evidence
        if known and mine and simpler and mine.worth(limits) <= simpler.worth(limits):
            gone[pattern] = (
                f"{mine.worth(limits):.3f} solved per 1,000 tokens over {mine.runs} runs, "
                f"and {stays[-1]}, which is simpler, {simpler.worth(limits):.3f} over {simpler.runs}"
            )
        else:
            stays.append(pattern)
    return gone
