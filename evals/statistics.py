"""Statistics: paired comparison, its power, agreement, and tests for drift, by exact formulas."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

SAME = 1e-9
"""Scores that are nearer than this count as equal."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with its percentile-bootstrap bounds."""

    mean: float
    lower: float
    upper: float


def mcnemar(differences: Sequence[float]) -> float:
    """Test exactly, and two-sided, whether pairs got worse as often as better.

    For scores of 0 and 1 this is McNemar's exact test; for graded ones it is the sign test, which is
    the same sum over the pairs that differ.

    Args:
        differences: One for each pair, after less before.

    Returns:
        The p-value; 1 where nothing differs.
    """
    better = sum(d > SAME for d in differences)
    worse = sum(d < -SAME for d in differences)
    return min(1.0, 2 * _binomial_tail(better + worse, max(better, worse), 0.5)) if better + worse else 1.0


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Adjust p-values for their number by Holm's step-down; compare each with the level itself."""
    adjusted, highest = {}, 0.0
    ordered = sorted(p_values.items(), key=lambda item: item[1])
    for rank, (name, p) in enumerate(ordered):
        highest = max(highest, min(1.0, p * (len(ordered) - rank)))
        adjusted[name] = highest
    return adjusted


def bootstrap(differences: Sequence[float], *, confidence: float, resamples: int, seed: int = 0) -> Interval:
    """Resample pairs to bound their mean difference.

    Args:
        confidence: Of each bound by itself: 0.95 gives the 5th and the 95th percentile.
        resamples: How often; each draws as many pairs as there are.
    """
    values, counts = np.unique(np.asarray(differences, dtype=float), return_counts=True)
    n = int(counts.sum())
    # Drawing pairs one by one and counting equal ones is a multinomial draw.
    drawn = np.random.default_rng(seed).multinomial(n, counts / n, size=resamples) @ values / n
    lower, upper = np.quantile(drawn, [1 - confidence, confidence])
    return Interval(float(values @ counts) / n, float(lower), float(upper))


def wilson(passed: float, n: int, z: float = 1.959964) -> Interval:
    """A share with Wilson's score interval, 95 % unless another `z` is given."""
    share = passed / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return Interval(share, max(0.0, middle - half), min(1.0, middle + half))


def smallest_drop(n: int, *, alpha: float, power: float) -> float | None:
    """Find the smallest drop that `mcnemar` sees at `n` pairs.

    This is the best case, in which nothing gets better meanwhile; each pair that does hides one that
    got worse.

    Args:
        alpha: Level of the test; with Holm over m metrics, the strictest is alpha / m.
        power: Chance with which the drop is to be seen.

    Returns:
        The drop as a share of all pairs, or None if not even a drop of all of them is significant.
    """
    needed = next((k for k in range(1, n + 1) if 2 * 0.5**k < alpha), None)
    if needed is None:
        return None
    low, high = 0.0, 1.0
    while high - low > 1e-6:  # noqa: PLR2004 - finer than any suite
        middle = (low + high) / 2
        low, high = (low, middle) if _binomial_tail(n, needed, middle) >= power else (middle, high)
    return high


def drop_to_floor(mean: float, floor: float, n: int, *, power: float) -> float | None:
    """Find the smallest drop after which the mean of `n` cases misses a floor with a chance of `power`.

    Args:
        mean: What the cases reach today, as a share; the floor too.

    Returns:
        The drop as a share, or None if not even a drop to nothing misses the floor.
    """
    fewest = math.ceil(floor * n - SAME)
    if fewest <= 0:
        return None
    low, high = 0.0, 1.0
    while high - low > 1e-6:  # noqa: PLR2004 - finer than any suite
        middle = (low + high) / 2
        missed = 1 - _binomial_tail(n, fewest, middle)
        low, high = (middle, high) if missed >= power else (low, middle)
    return max(0.0, mean - low)


def kappa(first: Sequence[Hashable], second: Sequence[Hashable]) -> float:
    """Cohen's kappa: agreement beyond chance; 1 where both gave one and the same label throughout."""
    n = len(first)
    agreed = sum(a == b for a, b in zip(first, second, strict=True)) / n
    ours, theirs = Counter(first), Counter(second)
    chance = sum(ours[label] * theirs[label] for label in ours) / (n * n)
    return 1.0 if chance == 1 else (agreed - chance) / (1 - chance)


def balanced_accuracy(truth: Sequence[Hashable], said: Sequence[Hashable]) -> float:
    """Mean over the true labels of the share that was recognised."""
    right, each = Counter[Hashable](), Counter(truth)
    for true, told in zip(truth, said, strict=True):
        right[true] += true == told
    return sum(right[label] / count for label, count in each.items()) / len(each)


def chi_square(first: Mapping[str, int], second: Mapping[str, int], least: float = 5.0) -> float:
    """Test whether two samples of categories have one mix; rare categories are pooled.

    Args:
        least: Smallest expected count of a category in either sample; what falls below is pooled.

    Returns:
        The p-value; 1 where fewer than two categories are left.
    """
    n, m = sum(first.values()), sum(second.values())
    names = sorted({*first, *second}, key=lambda name: -(first.get(name, 0) + second.get(name, 0)))
    table = [(first.get(name, 0), second.get(name, 0)) for name in names]
    common = [row for row in table if n and m and sum(row) * min(n, m) / (n + m) >= least]
    rare = [row for row in table if row not in common]
    pooled = (sum(a for a, _ in rare), sum(b for _, b in rare))
    rows = [*common, pooled] if sum(pooled) else common
    if len(rows) < 2:  # noqa: PLR2004
        return 1.0
    expected = [(sum(row) * n / (n + m), sum(row) * m / (n + m)) for row in rows]
    statistic = sum(
        (seen - due) ** 2 / due
        for row, dues in zip(rows, expected, strict=True)
        for seen, due in zip(row, dues, strict=True)
    )
    return chi_square_tail(statistic, len(rows) - 1)


def chi_square_tail(statistic: float, freedom: int) -> float:
    """Chance of a χ² variable with so many degrees of freedom above `statistic`, as the finite sum."""
    half = statistic / 2
    if freedom % 2 == 0:
        terms = [_poisson(half, k) for k in range(freedom // 2)]
        return min(1.0, sum(terms))
    terms = [_poisson(half, k + 0.5) for k in range((freedom - 1) // 2)]
    return min(1.0, math.erfc(math.sqrt(half)) + sum(terms))


def kolmogorov_smirnov(first: Sequence[float], second: Sequence[float]) -> float:
    """Test whether two samples have one distribution, with Stephens' correction for small ones.

    Returns:
        The asymptotic p-value; with ties it errs towards 1.
    """
    a, b = np.sort(first), np.sort(second)
    both = np.concatenate([a, b])
    gaps = np.searchsorted(a, both, side="right") / len(a) - np.searchsorted(b, both, side="right") / len(b)
    root = math.sqrt(len(a) * len(b) / (len(a) + len(b)))
    x = (root + 0.12 + 0.11 / root) * float(np.abs(gaps).max())
    if x < 0.2:  # noqa: PLR2004 - below it the series is 1 to ten digits and converges slowly
        return 1.0
    total = sum((-1) ** (k - 1) * math.exp(-2 * (k * x) ** 2) for k in range(1, 101))
    return float(min(1.0, max(0.0, 2 * total)))


def _binomial_tail(n: int, least: int, p: float) -> float:
    """Chance of at least so many successes."""
    if p in {0.0, 1.0}:
        return float(p == 1.0 or least <= 0)
    log_n = math.lgamma(n + 1)
    logs = [
        log_n - math.lgamma(k + 1) - math.lgamma(n - k + 1) + k * math.log(p) + (n - k) * math.log1p(-p)
        for k in range(least, n + 1)
    ]
    return min(1.0, math.fsum(math.exp(each) for each in logs))


def _poisson(mean: float, k: float) -> float:
    if mean == 0:
        return float(k == 0)
    return math.exp(-mean + k * math.log(mean) - math.lgamma(k + 1))
