"""The real suites, with the cache off, give the same rows twice, but for ids and times."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evals.runner import Plan, evaluate
from evals.suites import bench

FAST, ALL = ("retrieval", "policy", "aggregation"), [suite.name for suite in bench().suites]


def rows(suite, most):
    (chosen,) = bench().chosen(names=[suite])
    ids = [item.id for item in chosen.cases() if item.split == "dev"][:most]
    found = evaluate(Plan([chosen], max_concurrency=1, cache=False, cases=ids, warm=False)).rows
    return [replace(row, run="", seconds=0, scores=_untimed(row.scores)) for row in found]


def _untimed(scores):
    return {name: value for name, value in scores.items() if "seconds" not in name}


@pytest.mark.parametrize("suite", FAST)
def test_suites_without_a_model_give_the_same_rows_twice(suite):
    first = rows(suite, 3)

    assert len(first) == 3
    assert not [row.error for row in first if row.error]
    assert rows(suite, 3) == first


@pytest.mark.slow
@pytest.mark.parametrize("suite", [name for name in ALL if name not in FAST])
def test_every_suite_gives_the_same_rows_twice(suite):
    first = rows(suite, 8)

    assert not [row.error for row in first if row.error]
    assert rows(suite, 8) == first
