"""Drift: whether what real runs show since the deploy is still what they showed before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from evals.eprocess import watch
from evals.observations import Observed
from evals.statistics import chi_square, kolmogorov_smirnov
from evals.thresholds import Drift

T = TypeVar("T", str, float)
LABELS, OTHERS = ("canary", "decisions", "effects", "judge"), 5
"""The streams of labels, and how many there are of mixes and distributions, seen already or not."""
_FEWEST = 20
"""So few observations before the deploy are no reference."""


@dataclass(frozen=True, slots=True)
class Signal:
    """What became of one stream.

    Attributes:
        test: `e-process`, `χ²` or `KS`.
        n: Observations since the deploy.
        alarm: Whether it says that something changed.
        said: What was found, in words.
    """

    stream: str
    test: str
    n: int
    alarm: bool
    said: str


def check(seen: Observed, limits: Drift, since: str = "") -> list[Signal]:
    """Test every stream.

    Half of the chance of a false alarm goes to the pass rates, half to mixes and distributions; each
    stream that there can be gets its share, and of that the k-th window after the deploy the part
    1 / (k (k + 1)), so that looking again and again doesn't add up.

    Args:
        since: When the present version was deployed (as `governance.clock.stamp` writes it); the last
            deploy that the log knows of unless set.
    """
    since = since or seen.deployed
    signals = []
    for name, labels in sorted(seen.labels.items()):
        after = [value for time, value in labels if time >= since]
        signals.append(_rate(name, after, seen.rates.get(name, limits.pass_rate), limits))
    for name, mix in sorted(seen.mixes.items()):
        signals.append(
            _windows(name, "χ²", mix, lambda a, b: chi_square(Counter(a), Counter(b)), since, limits)
        )
    for name, values in sorted(seen.values.items()):
        signals.append(_windows(name, "KS", values, kolmogorov_smirnov, since, limits))
    return signals


def level(limits: Drift) -> float:
    """The chance of a false alarm that each stream of labels may have."""
    return limits.alpha / 2 / len(LABELS)


def _rate(name: str, labels: Sequence[float], rate: float, limits: Drift) -> Signal:
    found = watch(labels, rate, alpha=level(limits), horizon=limits.horizon)
    said = "no observation yet"
    if labels:
        said = f"{found.passed / found.n:.3f} passed, {rate:.3f} is due; capital {found.capital:.3g}"
    if found.alarm:
        said += f", and it reached {1 / level(limits):.0f} at observation {found.alarm}"
    return Signal(name, "e-process", found.n, bool(found.alarm), said)


def _windows(
    name: str,
    test: str,
    stream: Sequence[tuple[str, T]],
    p_value: Callable[[Sequence[T], Sequence[T]], float],
    since: str,
    limits: Drift,
) -> Signal:
    """Compare window after window since the deploy with the last one before it."""
    before = [value for time, value in stream if time < since][-limits.window :]
    after = [value for time, value in stream if time >= since]
    whole = len(after) // limits.window
    if len(before) < _FEWEST:
        # Without a past, the first window after the deploy is what later ones are held against.
        before, after, whole = after[: limits.window], after[limits.window :], max(0, whole - 1)
    if not whole:
        said = f"fewer than {limits.window} since the deploy to compare"
        return Signal(name, test, len(after), alarm=False, said=said)
    found = []
    for number in range(1, whole + 1):
        window = after[(number - 1) * limits.window : number * limits.window]
        found.append((p_value(before, window), limits.alpha / 2 / OTHERS / (number * (number + 1))))
    alarms = [number for number, (p, level) in enumerate(found, 1) if p < level]
    lowest = min(p for p, _ in found)
    said = f"{whole} windows of {limits.window}, lowest p = {lowest:.2g}"
    if alarms:
        said += f"; changed in window {', '.join(map(str, alarms))}"
    return Signal(name, test, len(after), bool(alarms), said)
