"""Comparison, report, review, calibration and standings say what is in the rows."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import pytest

from evals.calibration import Opinion, calibrate
from evals.compare import compare, differences
from evals.datasets import Labels, Pair
from evals.gate import decide
from evals.recommendation import recommendations
from evals.report import Contents, page
from evals.review import AUTOMATIC, Label, agreement, keep, labels, questions
from evals.rule_judge import RuleJudge
from evals.standing import not_worth_it, standings
from evals.thresholds import Judge, Metric
from tests.evals.making import LIMITS, baseline, experiment, limits, row, rows


def test_compare_names_the_cases_that_changed():
    one, two = experiment(rows(40, 2)), experiment(rows(32, 10), id="e2", model="other")

    (change,) = compare(one, two, LIMITS)

    assert (change.first, change.second, change.n) == (40 / 42, 32 / 42, 42)
    assert change.down == tuple(f"R-{i:03}" for i in range(2, 10))
    assert change.p == pytest.approx(2 / 2**8)
    assert differences(one, two) == ["model: offline → other"]


def test_each_role_has_its_own_model_and_one_that_nobody_asked_is_not_measured():
    asked = [row(f"T-{i}", suite="roles-worker", layer="model", scores={"accuracy_ref": 1.0}) for i in (1, 2)]
    named = {"model of worker": "openai/small", "model of planner": "openai/large"}

    worker, planner, judge = recommendations(experiment(asked, versions=named))

    assert worker[:4] == ("worker", "2 of roles-worker", "openai/small", "1.000")
    assert planner[:3] == ("planner", "0", "openai/large")
    assert judge[:3] == ("judge", "0", "offline"), "an experiment from before says what it knew"
    assert planner[-1] == judge[-1] == "not measured"
    assert len({*map(len, (worker, planner, judge))}) == 1


class Links(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found, self.tags, self.ids = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.found += [value for name, value in attrs if name in {"src", "href"}]
        self.ids += [f"#{value}" for name, value in attrs if name == "id"]


def report_of(found, traces=None):
    now = experiment(found)
    verdict = decide(now, baseline(rows(len(found), 0)), limits())
    return page(Contents(now, verdict, None, limits(), standings(now.rows, ()), traces or {}))


def test_the_report_stands_alone_and_shows_each_failure_with_its_trace(tmp_path):
    trace = tmp_path / "run-7.jsonl"
    refused = {
        "seq": 3, "time": "2026-11-21T10:00:00.000000Z", "kind": "refused", "actor": "claims",
        "action": "pay_claim", "resource": "Tool::pay_claim", "policies": ["only-own-account"],
    }  # fmt: skip
    trace.write_text(json.dumps(refused) + "\n")
    bad = row("R-000", run="run-7", scores={"right": 0.0}, got="<script>alert(1)</script>")

    text = report_of([bad, *rows(30, 0)[1:]], {"run-7": trace})

    parsed = Links()
    parsed.feed(text)
    assert all(link.startswith("#failures-") for link in parsed.found)  # nothing is loaded from anywhere
    assert "script" not in parsed.tags
    assert "&lt;script&gt;" in text
    assert "only-own-account" in text
    assert text.count("<svg") >= 2


def test_only_what_has_failures_is_linked_and_what_is_wide_scrolls_by_itself():
    few = Metric("routing", "right", primary=True, delta=0.05)
    good = Metric("policy", "right", primary=True, delta=0.05)
    found = [*rows(19, 1), *rows(20, 0, suite="policy")]
    now = experiment(found)
    verdict = decide(now, baseline(found), limits(few, good))

    text = page(Contents(now, verdict, None, limits(few, good), (), {}))

    parsed = Links()
    parsed.feed(text)
    assert "policy/right" in text
    assert set(parsed.found) == {"#failures-routing"} <= set(parsed.ids)
    assert text.count("<table>") == text.count('<div class="wide"><table>')


def test_what_is_held_out_is_counted_and_not_shown():
    text = report_of([row("R-000", split="held_out", scores={"right": 0.0}, got="secret"), *rows(30, 0)[1:]])

    assert "1 held out" in text
    assert "secret" not in text


def test_a_report_without_failures_says_so():
    assert "<p>None.</p>" in report_of(rows(20, 0))


def label(case, *, by, passed, automatic=True):
    return Label("e1", "routing", case, 0, "right", passed, automatic, by, "", "now")


def test_reviewers_are_asked_about_what_is_undecided_or_disputed():
    found = rows(37, 3)
    found[9] = row("R-009", scores={"right": 1.0, "kind_ref": 1.0, "kind_judge": 0.0})
    now = experiment(found)

    asked = questions(now, decide(now, baseline(rows(40, 0)), limits()))

    assert [(q.row.case, q.metric) for q in asked] == [
        ("R-000", "right"), ("R-001", "right"), ("R-002", "right"), ("R-009", "kind_judge")
    ]  # fmt: skip


def test_labels_are_kept_with_their_reviewer_and_agreement_is_counted(tmp_path):
    for case in ("a", "b", "c", "d"):
        keep(label(case, by="lena", passed=case in "ab", automatic=True), tmp_path)
        keep(label(case, by="lars", passed=case in "abc", automatic=True), tmp_path)
    keep(label("c", by="lars", passed=False), tmp_path)  # thought better of it

    found = agreement(labels(tmp_path))

    assert found["lars", "lena"] == (1.0, 4)
    assert found[AUTOMATIC, "lena"] == (0.0, 4)


def pair(number):
    good, bad = Labels(faithfulness="pass", relevance="pass"), Labels(faithfulness="fail", relevance="pass")
    right = number % 2 == 0
    return Pair(
        id=f"J-{number:03}", split="dev", hard=False, question="How much?",
        sources=[{"source": "s", "text": "The limit is 500 EUR."}],
        answer_a="500 EUR." if right else "900 EUR.", answer_b="900 EUR." if right else "500 EUR.",
        label_a=good if right else bad, label_b=bad if right else good,
        preferred="a" if right else "b", rationale="",
    )  # fmt: skip


DEMANDS = Judge(kappa=0.6, balanced_accuracy=0.8, consistency=0.9, labels=10)


class Perfect:
    name = "perfect"

    async def compare(self, question, sources, first, second):
        grades = [
            {"faithfulness": "pass" if "500" in a else "fail", "relevance": "pass"} for a in (first, second)
        ]
        return Opinion(*grades, "first" if "500" in first else "second")


class AlwaysFirst(Perfect):
    async def compare(self, *shown):
        return Opinion(
            {"faithfulness": "pass", "relevance": "pass"},
            {"faithfulness": "pass", "relevance": "pass"},
            "first",
        )


async def test_a_good_judge_may_block_and_a_biased_one_may_not():
    pairs = [pair(n) for n in range(20)]

    good = await calibrate(Perfect(), pairs, "d", DEMANDS)
    biased = await calibrate(AlwaysFirst(), pairs, "d", DEMANDS)
    few = await calibrate(Perfect(), pairs[:4], "d", DEMANDS)

    assert good.may_block
    assert (biased.consistency, biased.first, biased.may_block) == (0.0, 1.0, False)
    assert biased.criteria["faithfulness"].balanced_accuracy == 0.5
    assert few.reasons == ("4 labelled pairs, 10 are needed",)


async def test_the_rule_beside_the_judge_sees_numbers_that_are_in_no_source():
    found = await calibrate(RuleJudge(), [pair(n) for n in range(20)], "d", DEMANDS)

    assert found.criteria["faithfulness"].kappa == 1
    assert found.consistency == 1


def case(number, pattern, goal, tokens):
    got = {"graph": pattern, "status": "completed"}
    return row(
        f"K-{number}", suite="cases", layer="output", scores={"goal_success_rate": goal}, tokens=tokens,
        got=got, expected={"graph": ["supervisor"]},
    )  # fmt: skip


def test_a_pattern_that_solves_no_more_is_named_whatever_it_costs():
    same = [case(n, p, 1.0, t) for n in range(8) for p, t in (("single", 100), ("supervisor", 900))]
    better = [
        case(n, p, g, t) for n in range(8) for p, g, t in (("single", 0.0, 100), ("supervisor", 1.0, 900))
    ]
    ladder = ("single", "supervisor")

    why = "doesn't beat single: +0.000 over single on 8 cases (p = 1, sees 0.80), for 9.0 times the tokens"
    assert not_worth_it(standings(same, ladder)) == [f"supervisor on supervisor: {why}"]
    assert not_worth_it(standings(better, ladder)) == []
    worse = [
        case(n, p, g, t) for n in range(8) for p, g, t in (("single", 1.0, 900), ("supervisor", 0.5, 90))
    ]
    (said,) = not_worth_it(standings(worse, ladder))
    assert said.startswith("supervisor on supervisor: doesn't beat single: -0.500")
    assert said.endswith("for 0.1 times the tokens")


def test_a_suite_too_small_for_its_delta_says_so():
    few = Metric("routing", "right", primary=True, delta=0.05)

    (finding,) = decide(experiment(rows(20, 0)), baseline(rows(20, 0)), limits(few)).findings

    assert "too small for its delta of 0.050: 20 cases show 0.3" in finding.reasons[0]
