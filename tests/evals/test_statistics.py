"""Statistics have known answers, found by other formulas than those under test."""

from __future__ import annotations

import itertools
import math
import random
from fractions import Fraction

import numpy as np
import pytest

from evals.statistics import (
    balanced_accuracy,
    bootstrap,
    chi_square,
    chi_square_tail,
    drop_to_floor,
    holm,
    kappa,
    kolmogorov_smirnov,
    mcnemar,
    smallest_drop,
    wilson,
)


@pytest.mark.parametrize(("better", "worse"), [(0, 5), (0, 6), (1, 8), (5, 5), (3, 14), (20, 41)])
def test_mcnemar_is_the_two_sided_sign_test(better, worse):
    n = better + worse
    # Every way in which n fair coins can fall that is as uneven or more.
    extreme = [k for k in range(n + 1) if abs(2 * k - n) >= abs(better - worse)]
    expected = sum(Fraction(math.comb(n, k), 2**n) for k in extreme)

    assert mcnemar([1.0] * better + [-1.0] * worse + [0.0] * 40) == pytest.approx(float(expected), rel=1e-9)


def test_mcnemar_knows_no_change():
    assert mcnemar([0.0] * 50) == 1
    assert mcnemar([1e-12, -1e-12]) == 1


def test_holm_against_the_textbook():
    # Holm (1979) as in R: p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm")
    adjusted = holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005})

    assert adjusted == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06, "d": 0.02})


def test_the_bootstrap_of_a_small_sample_is_what_all_its_resamples_give():
    sample = [0.0, -1.0, 0.0, 1.0, -1.0]
    means = [sum(each) / 5 for each in itertools.product(sample, repeat=5)]

    found = bootstrap(sample, confidence=0.95, resamples=200_000)

    assert found.mean == pytest.approx(-0.2)
    assert found.lower == pytest.approx(np.quantile(means, 0.05), abs=1e-9)
    assert found.upper == pytest.approx(np.quantile(means, 0.95), abs=1e-9)


def test_the_bootstrap_gives_the_same_bounds_twice():
    sample = [random.Random(1).random() for _ in range(30)]

    assert bootstrap(sample, confidence=0.9, resamples=500) == bootstrap(
        sample, confidence=0.9, resamples=500
    )


@pytest.mark.parametrize("n", [20, 60, 124, 380])
def test_the_smallest_drop_is_seen_as_often_as_promised_and_a_smaller_one_is_not(n):
    drop = smallest_drop(n, alpha=0.05, power=0.8)
    assert drop is not None
    random_ = np.random.default_rng(3)

    def seen(share):
        worse = random_.binomial(n, share, size=4000)
        return np.mean([2 * 0.5**k < 0.05 for k in worse])

    assert seen(drop) == pytest.approx(0.8, abs=0.03)
    assert seen(drop * 0.8) < 0.75


@pytest.mark.parametrize(("mean", "floor", "n"), [(1.0, 1.0, 43), (0.81, 0.72, 120), (0.98, 0.9, 91)])
def test_a_floor_shows_a_drop_as_often_as_promised(mean, floor, n):
    drop = drop_to_floor(mean, floor, n, power=0.8)
    assert drop is not None
    random_ = np.random.default_rng(4)

    def missed(share):
        return np.mean(random_.binomial(n, share, size=20_000) / n < floor - 1e-9)

    assert missed(mean - drop) == pytest.approx(0.8, abs=0.015)
    assert missed(mean - drop * 0.8) < 0.75


def test_a_floor_of_nothing_shows_nothing():
    assert drop_to_floor(0.9, 0.0, 100, power=0.8) is None


def test_five_cases_see_nothing():
    assert smallest_drop(5, alpha=0.05, power=0.8) is None  # 2 / 2**5 > 0.05


def test_kappa_of_the_textbook():
    # Cohen (1960) as in Wikipedia's first example: 20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no.
    one = ["y"] * 25 + ["n"] * 25
    two = ["y"] * 20 + ["n"] * 5 + ["y"] * 10 + ["n"] * 15

    assert kappa(one, two) == pytest.approx(0.4)
    assert kappa(["y", "y"], ["y", "y"]) == 1
    assert kappa(["y", "n"], ["n", "y"]) == -1


def test_a_judge_that_always_passes_has_half_the_balanced_accuracy():
    assert balanced_accuracy(["pass"] * 90 + ["fail"] * 10, ["pass"] * 100) == 0.5


@pytest.mark.parametrize(
    ("statistic", "freedom", "tail"),
    [
        (3.841459, 1, 0.05),
        (5.991465, 2, 0.05),
        (11.344867, 3, 0.01),
        (18.307038, 10, 0.05),
        (37.56623, 20, 0.01),
    ],
)
def test_chi_square_of_the_tables(statistic, freedom, tail):
    assert chi_square_tail(statistic, freedom) == pytest.approx(tail, rel=1e-5)


def test_chi_square_by_hand():
    # Expected 30/20 in both rows: 4 * 10² / … = 100/30 + 100/20 twice = 16.67 at one degree of freedom.
    p = chi_square({"a": 40, "b": 10}, {"a": 20, "b": 30})

    assert p == pytest.approx(math.erfc(math.sqrt((100 / 30 + 100 / 20) * 2 / 2)), rel=1e-9)


def test_rare_categories_are_pooled_and_no_sample_says_nothing():
    assert chi_square({"a": 50, "b": 1, "c": 1}, {"a": 50, "d": 1, "e": 1}) == pytest.approx(1.0)
    assert chi_square({}, {"a": 9}) == 1


def test_kolmogorov_smirnov_rejects_as_often_as_it_says():
    random_ = np.random.default_rng(5)
    same = [kolmogorov_smirnov(random_.normal(size=100), random_.normal(size=100)) for _ in range(600)]
    other = [kolmogorov_smirnov(random_.normal(size=100), random_.normal(0.8, size=100)) for _ in range(60)]

    assert 0.02 < np.mean(np.array(same) < 0.05) < 0.075
    assert np.mean(np.array(other) < 0.05) > 0.95


def test_wilson_of_the_textbook():
    found = wilson(81, 263)  # Newcombe (1998): 0.2553 to 0.3662

    assert (found.lower, found.upper) == pytest.approx((0.2553, 0.3662), abs=5e-5)
