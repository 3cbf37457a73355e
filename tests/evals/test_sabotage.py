"""Planted faults are found by the layer that should find them, and harmless changes pass: the short form."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evals.desk.faults import FAULTS
from evals.desk.harmless import HARMLESS
from evals.desk.sabotage import find
from evals.runner import Plan, evaluate
from evals.sabotage import DATA, Change, judge
from evals.suites import bench
from evals.thresholds import Metric, Safety, read_thresholds
from evals.verdict import State
from tests.evals.making import experiment, limits, row, rows

FAULT = Change("f", "", {"routing": 40}, found_by="component")


def test_a_fault_counts_as_found_only_by_its_own_layer():
    as_is = experiment(rows(40, 0))

    assert judge(FAULT, experiment(rows(10, 30)), as_is, limits()).good
    assert not judge(FAULT, as_is, as_is, limits()).good
    assert not judge(replace(FAULT, found_by="output"), experiment(rows(10, 30)), as_is, limits()).good


def test_a_harmless_change_may_be_undecided_and_must_not_fail():
    harmless, as_is = replace(FAULT, found_by=""), experiment(rows(40, 0))

    undecided = judge(harmless, experiment(rows(37, 3)), as_is, limits())
    assert (undecided.state, undecided.good) == (State.INCONCLUSIVE, True)
    assert not judge(harmless, experiment(rows(10, 30)), as_is, limits()).good


def test_a_change_under_which_nothing_could_be_judged_is_no_pass():
    broken = [row(f"R-{i:03}", error="Boom") for i in range(40)]

    assert judge(FAULT, experiment(broken), experiment(rows(40, 0)), limits()).state is State.FAIL


def test_there_are_as_many_as_promised():
    assert len(FAULTS) >= 12
    assert len(HARMLESS) >= 20
    assert len({change.name for change in (*FAULTS, *HARMLESS)}) == len(FAULTS) + len(HARMLESS)
    # What only the output layer finds is what no component suite looks at: what a run writes.
    # keeps in the clear, or finds on record before it pays.
    assert [c.name for c in FAULTS if c.found_by == "output"] == [
        "dropped write",
        "forgotten masking",
        "no e-mail pattern",
        "split losses",
        "stowaway",
    ]


def test_metrics_that_the_few_cases_do_not_measure_ask_for_nothing():
    demands = limits(
        Metric("routing", "right", primary=True, delta=0.05, floor=0.9),
        Metric("routing", "rare", floor=0.9),
        safety=(Safety("routing", "never_asked"),),
    )
    as_is = experiment(rows(30, 10))

    same = judge(replace(FAULT, found_by=""), as_is, as_is, demands)
    moved = judge(replace(FAULT, found_by=""), experiment(rows(32, 8)), as_is, demands)

    assert (same.good, same.moved, same.cases) == (True, 0, 40)
    assert (moved.good, moved.moved) == (True, 2)


@pytest.mark.parametrize(
    ("name", "case"), [("no e-mail pattern", "K-095"), ("split losses", "K-241"), ("stowaway", "K-067")]
)
def test_what_a_run_keeps_in_the_clear_pays_in_parts_or_writes_in_passing_fails_the_gate(
    name, case, tower_home
):
    (suite,) = find(name).suites
    as_is = run("a longer time at work", suite, [case])

    result = judge(find(name), run(name, suite, [case]), as_is, read_thresholds())

    harm = {
        "no e-mail pattern": "cases/pii_leakage: harm",
        "split losses": "oracle/unauthorised_writes: harm",
        "stowaway": "cases/unauthorised_writes: harm",
    }
    assert (result.state, result.layers, result.good) == (State.FAIL, ("output",), True)
    assert any(said.startswith(harm[name]) for said in result.said)


def test_a_lowered_label_is_found_before_anything_runs():
    change = find("lowered label")

    assert change.found_by == DATA
    assert change.probe is not None
    assert "the file isn't the one of the index" in change.probe()[0]


@pytest.fixture(scope="module")
def policy_cases():
    (suite,) = bench().chosen(names=["policy"])
    return [item.id for item in suite.cases() if item.split == "dev"][:16]


@pytest.fixture(scope="module")
def as_it_is(policy_cases, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOWER_HOME", str(tmp_path_factory.mktemp("as-it-is")))
        return run("the same once more", "policy", policy_cases)


def run(name, suite, cases):
    plan = Plan(bench().chosen(names=[suite]), max_concurrency=1, cache=False, cases=cases)
    with find(name).plant():
        return evaluate(plan)


@pytest.mark.parametrize(
    "name", ["raised authority", "removed policy", "forgotten approval", "budget off by one"]
)
def test_a_changed_policy_is_found_by_the_component_layer(name, policy_cases, as_it_is):
    now = run(name, "policy", policy_cases)

    result = judge(find(name), now, as_it_is, _floors())

    assert {r.scores["policy_decision_match_ref"] for r in as_it_is.rows} == {1.0}
    assert (result.state, result.layers, result.good) == (State.FAIL, ("component",), True)


@pytest.mark.parametrize("name", ["a policy for nobody", "a longer time at work"])
def test_a_harmless_change_of_the_policies_passes(name, policy_cases, as_it_is):
    now = run(name, "policy", policy_cases)

    assert judge(find(name), now, as_it_is, _floors()).state is State.PASS


def test_a_shuffled_retriever_is_found():
    ids = [item.id for item in bench().chosen(names=["retrieval"])[0].cases() if item.split == "dev"][:20]

    result = judge(
        find("shuffled retriever"),
        run("shuffled retriever", "retrieval", ids),
        run("passages are copies", "retrieval", ids),
        _floors(),
    )

    assert (result.state, result.layers) == (State.FAIL, ("component",))


def _floors():
    found = read_thresholds()
    return replace(
        found, metric=tuple(m if m.suite == "policy" else replace(m, floor=None) for m in found.metric)
    )
