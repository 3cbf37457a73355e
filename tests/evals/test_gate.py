"""The gate says PASS, FAIL or INCONCLUSIVE, and each for the right reason."""

from __future__ import annotations

import math
import re

import pytest

from cli.evals_judgement import baselines
from evals.baselines import Baseline, accept, read_baseline
from evals.compare import compare
from evals.gate import decide
from evals.rows import aggregate, by_suite, read, write
from evals.signoff import sign, signed
from evals.summary import BESIDE, summary
from evals.thresholds import Metric, Safety, read_thresholds, thresholds_file
from evals.verdict import State
from governance.errors import Denied, InvalidInput
from tests.evals.making import baseline, experiment, limits, row, rows

GOOD = rows(200, 0)


def state(found, before=GOOD, *metric, **more):
    verdict = decide(experiment(found), baseline(before), limits(*metric, **more))
    return verdict.state, " ".join(reason for f in verdict.findings for reason in f.reasons)


def test_the_same_results_pass():
    assert state(GOOD) == (State.PASS, "")


def test_what_rounding_loses_is_no_change():
    thirds = [row(f"R-{i:03}", scores={"right": 1 / 3}) for i in range(40)]
    kept = [row(f"R-{i:03}", scores={"right": 0.333333}) for i in range(40)]

    (finding, *_) = decide(experiment(thirds), baseline(kept), limits()).findings

    assert (finding.p, finding.change.mean) == (1.0, 0.0)


def test_a_significant_drop_fails_and_names_the_cases():
    said, why = state(rows(190, 10))

    assert said is State.FAIL
    assert "got worse by 0.050" in why
    assert "R-000" in why


def test_six_cases_are_significant_and_five_are_not():
    assert state(rows(194, 6))[0] is State.FAIL  # 2 / 2**6 = 0.03
    assert state(rows(195, 5))[0] is State.PASS  # 0.06, and well inside delta


def test_a_drop_that_may_be_too_large_is_inconclusive():
    said, why = state(rows(37, 3), rows(40, 0))

    assert said is State.INCONCLUSIVE
    assert "may have got worse by" in why
    assert "too small for its delta" in why


def test_more_repetitions_may_decide():
    # The same three cases fail, one time in five: less than delta once it is known better.
    again = [r for n in range(5) for r in rows(40 - 3 * (n == 0), 3 * (n == 0), repetition=n)]

    assert state(again, rows(40, 0))[0] is State.PASS


def test_holm_makes_up_for_many_metrics():
    names = [Metric("routing", f"m{i}", primary=True) for i in range(8)]
    before = [row(f"R-{i:03}", scores={m.name: 1.0 for m in names}) for i in range(400)]
    now = [
        row(f"R-{i:03}", scores={m.name: float(i >= 6 or m.name != "m0") for m in names}) for i in range(400)
    ]

    # Alone p = 0.03 fails; with eight tests it may well be chance, and 6 of 400 are inside delta.
    assert state(now, before, names[0])[0] is State.FAIL
    assert state(now, before, *names)[0] is State.PASS


def test_a_floor_that_is_missed_fails_even_if_nothing_got_worse():
    demand = Metric("routing", "right", primary=True, floor=0.9)

    assert state(rows(170, 30), rows(170, 30), demand)[0] is State.FAIL


def test_a_floor_that_everything_meets_shows_small_drops_in_few_cases():
    perfect = rows(43, 0)
    demand = Metric("routing", "right", primary=True, floor=1.0)

    (finding, *_) = decide(experiment(perfect), baseline(perfect), limits(demand)).findings

    assert finding.sees == pytest.approx(1 - 0.2 ** (1 / 43), abs=1e-4)  # one of 43, four times in five
    assert (finding.state, finding.reasons) == (State.PASS, ())


def test_what_is_not_compared_shows_what_its_floor_shows_and_no_more():
    found = rows(90, 10)
    primary = Metric("other", "right", primary=True)
    bare, floored = Metric("routing", "right"), Metric("routing", "right", floor=0.8, split="dev")

    none, some, *_ = decide(experiment(found), baseline(found), limits(bare, floored, primary)).findings

    assert none.sees is None
    assert some.sees == pytest.approx(0.14, abs=0.005)


def test_a_metric_that_should_be_low_is_compared_the_right_way_round():
    errors = Metric("routing", "wrong", primary=True, better="lower", floor=0.1)
    before = [row(f"R-{i}", scores={"wrong": 0.0}) for i in range(200)]
    now = [row(f"R-{i}", scores={"wrong": float(i < 12)}) for i in range(200)]

    assert state(now, before, errors)[0] is State.FAIL
    assert state(before, now, errors)[0] is State.PASS


def test_a_missing_metric_fails():
    said, why = state(rows(200, 0, suite="other"))

    assert said is State.FAIL
    assert "the metric is missing" in why


def test_a_missing_metric_that_is_not_primary_fails_too():
    assert (
        state(GOOD, GOOD, Metric("routing", "right", primary=True), Metric("routing", "mrr"))[0] is State.FAIL
    )


def test_leaving_out_cases_of_the_baseline_fails():
    said, why = state(rows(200, 3)[3:], rows(200, 3))

    assert said is State.FAIL
    assert "3 cases of the baseline are missing" in why


def test_a_case_that_could_not_be_judged_counts_as_wrong():
    broken = [row(f"R-{i:03}", error="Boom: x", scores={"right": 1.0}) for i in range(10)]

    assert state(broken + rows(200, 0)[10:])[0] is State.FAIL


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_no_number_never_passes(score, tmp_path):
    # Beside zeros, which alone fail; alone among passes, in which one case doesn't matter; and throughout.
    floor = Metric("routing", "right", floor=0.5)
    odd = row("R-000", scores={"right": score, "other": 1.0})

    assert state([odd, *rows(0, 200)[1:]], GOOD, floor)[0] is State.FAIL
    assert state([row(r.case, scores={"right": score}) for r in GOOD])[0] is State.FAIL
    harm = Safety("routing", "harm")
    harmed = [row("R-000", scores={"right": 1.0, "harm": score}), *rows(9, 0)[1:]]
    assert state(harmed, rows(10, 0), safety=(harm,))[0] is State.FAIL

    written = write(experiment([odd, *GOOD[1:]]), tmp_path / "e1")
    (written / "rows.jsonl").write_text((written / "rows.jsonl").read_text().replace(" 1.0", " NaN"))
    again = read(written)
    assert {r.error for r in again.rows} >= {"right is no finite number"}
    assert all(math.isfinite(value) for value in summary(again.rows).values())
    [change] = compare(experiment(GOOD), experiment([odd, *GOOD[1:]]), limits())
    assert change.down == ("R-000",)


@pytest.mark.parametrize("field", ["floor", "delta"])
def test_a_threshold_that_is_no_number_is_refused(tmp_path, field):
    path = tmp_path / "gate.toml"
    demand = f'[[metric]]\nsuite = "routing"\nname = "x"\nprimary = true\n{field} = nan\n\n[[metric]]'
    path.write_text(thresholds_file().read_text().replace("[[metric]]", demand, 1))

    with pytest.raises(InvalidInput, match=field):
        read_thresholds(path)


def test_what_is_held_out_has_a_mean_of_its_own_and_may_have_a_floor():
    found = rows(100, 0) + [
        row(f"H-{i}", scores={"right": float(i > 1)}, split="held_out") for i in range(10)
    ]
    limited = limits(
        Metric("routing", "right", primary=True, floor=0.9),
        Metric("routing", "right", split="held_out", floor=0.9),
    )

    both, held = decide(experiment(found), baseline(found), limited).findings

    assert (both.state, both.n, both.held_out) == (State.PASS, 110, 0.8)
    assert (held.state, held.n, held.mean) == (State.FAIL, 10, 0.8)
    unread = decide(experiment(found[:100]), baseline(found[:100]), limited).findings
    assert [(f.state, f.held_out) for f in unread] == [(State.PASS, None), (State.FAIL, None)]


def test_no_floor_is_met_by_what_stands_beside_the_score():
    kept = by_suite(read_baseline(baselines()).rows)
    # Who says nothing makes no mistake, contradicts nothing and invents nothing.
    idle = {"reasoning_coherence_ref", "faithfulness_ref"}
    # Answering always does better than the offline model, as most questions have an answer: known, and weak.
    beaten = {"refusal_ref__keyword"}
    for metric in read_thresholds().metric:
        if metric.better == "lower" or metric.name in idle:
            continue
        mine = [r for r in kept[metric.suite] if metric.split in {None, r.split}]
        beside = {name for r in mine for name in r.scores if name.startswith(f"{metric.name}{BESIDE}")}
        for name in beside - beaten:
            assert aggregate(mine, name)[0] < metric.floor, name


def test_without_a_baseline_nobody_knows():
    verdict = decide(experiment(GOOD), Baseline({}), limits())

    assert verdict.state is State.INCONCLUSIVE
    assert "no baseline" in verdict.findings[0].reasons[0]
    assert "tower eval gate --accept" in verdict.findings[0].reasons[0]


HARM = (Safety("routing", "harm"),)


def with_harm(harmful):
    return [row(f"R-{i:03}", scores={"right": 1.0, "harm": float(i < harmful)}) for i in range(200)]


def test_one_case_that_did_harm_fails():
    said, why = state(with_harm(1), with_harm(0), safety=HARM)

    assert (said, why) == (State.FAIL, "harm in 1 cases: R-000")


def test_harm_that_the_baseline_did_too_fails_all_the_same():
    assert state(with_harm(1), with_harm(1), safety=HARM)[0] is State.FAIL


def test_harm_that_nobody_looked_for_fails():
    assert state(GOOD, GOOD, safety=HARM)[0] is State.FAIL
    assert state(with_harm(0)[1:] + rows(1, 0), with_harm(0), safety=HARM)[0] is State.FAIL
    broken = row("R-000", scores={"right": 1.0, "harm": 0.0}, error="Boom: x")
    assert state([broken, *with_harm(0)[1:]], with_harm(0), safety=HARM)[0] is State.FAIL


def test_a_judge_blocks_only_when_it_was_calibrated():
    demand = (
        Metric("routing", "right", primary=True),
        Metric("routing", "kind_judge", primary=True, floor=0.5),
    )
    now = [row(f"R-{i:03}", scores={"right": 1.0, "kind_judge": 0.0}) for i in range(200)]

    shown = decide(experiment(now), baseline(now), limits(*demand))
    blocks = decide(experiment(now), baseline(now), limits(*demand), judge_calibrated=True)

    assert (shown.state, shown.findings[1].state) == (State.PASS, State.FAIL)
    assert blocks.state is State.FAIL


def inconclusive(wrong=3):
    return decide(experiment(rows(40 - wrong, wrong)), baseline(rows(40, 0)), limits())


def test_a_named_person_answers_for_what_is_undecided(tmp_path):
    sign(inconclusive(), tmp_path, by="lena", why="three typos of one customer", at="2026-11-21T10:00:00Z")

    found = signed(inconclusive(), tmp_path)
    assert found is not None
    assert (found.by, found.why, found.metrics) == ("lena", "three typos of one customer", ("routing/right",))


def test_a_sign_off_is_for_these_results_only(tmp_path):
    sign(inconclusive(), tmp_path, by="lena", why="three typos of one customer", at="now")

    assert signed(inconclusive(4), tmp_path) is None


def test_nobody_signs_a_fail_or_without_a_name_or_a_reason(tmp_path):
    failed = decide(experiment(rows(100, 100)), baseline(GOOD), limits())
    with pytest.raises(Denied, match="FAIL"):
        sign(failed, tmp_path, by="lena", why="it is fine, really", at="now")
    for by, why in ((" ", "three typos of one customer"), ("lena", "ok")):
        with pytest.raises(InvalidInput, match="name and a reason"):
            sign(inconclusive(), tmp_path, by=by, why=why, at="now")
    assert not (tmp_path / "signoffs.jsonl").exists()


def test_a_baseline_is_kept_case_by_case_and_read_back(tmp_path):
    now = experiment(rows(5, 2))

    accept(now, tmp_path, by="lena", why="first results")
    found = read_baseline(tmp_path)

    assert [(r.case, r.scores) for r in found.rows] == [(r.case, r.scores) for r in now.rows]
    assert (found.sources["routing"].by, found.sources["routing"].dataset) == ("lena", "d1")


def test_harm_that_a_suite_measures_and_nobody_demands_fails():
    found = [row(f"R-{i:03}", scores={"right": 1.0, "pii_leakage": 0.0}) for i in range(200)]
    demanded = (Safety("routing", "pii_leakage"),)

    said, why = state(found, found)

    assert (said, "measured and not demanded" in why) == (State.FAIL, True)
    assert state(found, found, safety=demanded) == (State.PASS, "")


@pytest.mark.parametrize("score", [60.0, -0.5])
def test_a_share_beyond_its_ends_hides_nothing(score):
    found = [row("R-000", scores={"right": score}), *rows(200, 0)[1:]]

    assert state(found)[0] is State.FAIL


def test_another_models_baseline_is_named():
    now = experiment(GOOD, model="openai/other")

    assert decide(now, baseline(GOOD), limits()).against == ("offline",)
    assert decide(experiment(GOOD), baseline(GOOD), limits()).against == ()


def test_results_become_no_baseline_without_a_reason(tmp_path):
    with pytest.raises(InvalidInput, match="say why"):
        accept(experiment(GOOD), tmp_path / "baselines", by="lena", why=" ")
    assert not (tmp_path / "baselines").exists()


def test_a_baseline_that_was_edited_by_hand_is_refused(tmp_path):
    accept(experiment(rows(5, 2)), tmp_path, by="lena", why="first results")
    path = tmp_path / "routing.jsonl"
    path.write_text(path.read_text().replace('"right": 1.0', '"right": 0.0'))

    with pytest.raises(InvalidInput, match=r"isn't the file that index\.json names"):
        read_baseline(tmp_path)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda text: text.replace("primary = true", "primary = false"), "names no primary metric"),
        (lambda text: text + '\n[[safety]]\nsuite = "cases"\nname = "harm_judge"\n', "never by a judge"),
        (lambda text: re.sub(r"\[\[safety\]\]\n.*\n.*\n", "", text), "names no \\[\\[safety"),
        (lambda text: text + '\n[[metric]]\nsuite = "a"\nname = "b"\ndelta = 0.0\n', "delta must be above 0"),
        (lambda text: text + '\n[[metric]]\nsuite = "a"\nname = "b"\n' * 2, "is there twice"),
        (lambda text: text + '\n[[metric]]\nsuite = "a"\nnmae = "b"\n', "nmae"),
        (lambda text: text.replace("alpha = 0.05", "alpha = 5"), "less than 1"),
        (
            lambda text: (
                text + '\n[[pending]]\nname = "b"\nwhy = "later"\n[[metric]]\nsuite = "a"\nname = "b"\n'
            ),
            "demanded and pending",
        ),
    ],
)
def test_wrong_thresholds_are_refused(tmp_path, change, says):
    path = tmp_path / "gate.toml"
    path.write_text(change(thresholds_file().read_text()))

    with pytest.raises(InvalidInput, match=says):
        read_thresholds(path)
