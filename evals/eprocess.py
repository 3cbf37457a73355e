"""E-process: evidence that a pass rate fell, which may be looked at after every single observation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DROPS = (0.05, 0.1, 0.2, 0.4)
"""Drops in the pass rate that a bet each is laid on; others are seen too, somewhat later."""
_STAKE = 0.5
"""Of the capital, for a drop that is there from the first observation on; the rest is for later ones."""
_MOST = 0.95
"""Of what can be lost at once, so that no single failure or pass ruins a bet."""


class EProcess:
    """Capital that grows, on average, only if labels pass less often than they should.

    A bet pays 1 + λ·(rate - label), which on average is no more than 1 as long as the pass rate is at
    least `rate`. Bets differ in λ and in when they start, and the capital is what all of them have, with
    what isn't staked yet. By Ville's inequality it ever reaches 1 / alpha with a chance of at most
    alpha, however often one looks.

    Args:
        rate: The pass rate that must not be fallen below.
        horizon: Half of what is left of the stake is laid in so many observations, and so on.
        streams: How many independent processes to keep side by side.
    """

    def __init__(self, rate: float, *, horizon: int, streams: int = 1) -> None:
        bets = np.minimum(np.array(DROPS) / (rate * (1 - rate)), _MOST / (1 - rate))
        self.rate, self.horizon = rate, horizon
        self._bets = bets[:, None]
        self._capital = np.full((len(bets), streams), _STAKE / len(bets))
        self._unstaked, self._seen = 1 - _STAKE, 0

    def observe(self, passed: NDArray[np.float64] | float) -> NDArray[np.float64]:
        """Take one label for each stream, 0 to 1, and return each stream's capital."""
        part = (1 - _STAKE) / self.horizon / 2 ** (self._seen // self.horizon + 1)
        self._seen += 1
        self._unstaked -= part
        self._capital = (self._capital + part / len(self._bets)) * (1 + self._bets * (self.rate - passed))
        total: NDArray[np.float64] = self._capital.sum(axis=0) + self._unstaked
        return total


@dataclass(frozen=True, slots=True)
class Watch:
    """What an e-process made of a stream.

    Attributes:
        capital: Now.
        alarm: Number of the observation at which it reached the threshold, from 1; None if it never did.
    """

    n: int
    passed: float
    capital: float
    alarm: int | None


def watch(labels: Sequence[float], rate: float, *, alpha: float, horizon: int) -> Watch:
    """Follow a stream of labels from its deploy on."""
    process, capital, alarm = EProcess(rate, horizon=horizon), 1.0, None
    for number, label in enumerate(labels, 1):
        capital = float(process.observe(label)[0])
        if alarm is None and capital >= 1 / alpha:
            alarm = number
    return Watch(len(labels), sum(labels), capital, alarm)


@dataclass(frozen=True, slots=True)
class Simulated:
    """How the e-process does on streams that are made up.

    Attributes:
        false_alarms: Share of streams without a drop in which it raised one.
        delays: By when the drop came: the median number of observations until the alarm, and the share
            of streams in which there was none within the horizon after it.
    """

    streams: int
    observations: int
    false_alarms: float
    delays: dict[int, tuple[float, float]]


def simulate(
    rate: float, fallen: float, *, alpha: float, horizon: int, streams: int = 2000, seed: int = 0
) -> Simulated:
    """Simulate streams that keep the rate, and streams that fall below it at the deploy or later.

    Args:
        rate: The pass rate that is kept, which is also the one that must not be fallen below.
        fallen: The pass rate after a drop.
    """
    random = np.random.default_rng(seed)
    chances = np.full(horizon, rate)
    alarms = _alarms(chances, rate, alpha, horizon, streams, random)
    delays = {}
    for drop_at in (0, horizon // 4):
        chances = np.concatenate([np.full(drop_at, rate), np.full(horizon, fallen)])
        found = _alarms(chances, rate, alpha, horizon, streams, random)
        kept = found[(found == 0) | (found > drop_at)]  # an alarm before the drop is no finding of it
        after = np.where(kept > 0, kept - drop_at, np.inf)
        delays[drop_at] = float(np.median(after)), float(np.isinf(after).mean())
    return Simulated(streams, horizon, float((alarms > 0).mean()), delays)


def _alarms(
    chances: NDArray[np.float64],
    rate: float,
    alpha: float,
    horizon: int,
    streams: int,
    random: np.random.Generator,
) -> NDArray[np.int64]:
    """At which observation each stream's alarm was, from 1; 0 for none."""
    process = EProcess(rate, horizon=horizon, streams=streams)
    first = np.zeros(streams, dtype=np.int64)
    for number, chance in enumerate(chances, 1):
        capital = process.observe((random.random(streams) < chance).astype(float))
        first[(first == 0) & (capital >= 1 / alpha)] = number
    return first
