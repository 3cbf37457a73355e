"""Beside every score of every suite stand the null agent's and that of a rule without a language model."""

from __future__ import annotations

import asyncio

import pytest

from evals.desk import stage
from evals.desk.suites import BENCH
from evals.suites import Setting
from evals.summary import BESIDE

SEEN_IN_WORK = {"contradiction_rate"}
"""An agent's check has to see it at work, which a rule never is."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    found = tmp_path_factory.mktemp("stage")
    asyncio.run(stage.prepare(found))
    return found


@pytest.mark.parametrize("suite", BENCH.suites, ids=lambda suite: suite.name)
async def test_every_score_has_its_floor_and_its_rule(suite, folder):
    case = next(item for item in suite.cases() if item.split == "dev")

    row = await suite.evaluate(case, Setting(folder))

    beside = {name: set() for name in row.scores if BESIDE not in name}
    for name in row.scores.keys() - beside.keys():
        base, _, rival = name.partition(BESIDE)
        beside[base].add(rival)
    assert [name for name, rivals in beside.items() if "null" not in rivals] == []
    assert [name for name, rivals in beside.items() if rivals == {"null"} and name not in SEEN_IN_WORK] == []
