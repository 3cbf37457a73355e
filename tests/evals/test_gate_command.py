"""The commands say by their exit codes what the gate says, and only who may answers for a release."""

from __future__ import annotations

import asyncio
import json

import pytest
from typer.testing import CliRunner

from cli.evals import app
from evals import versions
from evals.rows import write
from evals.suites import bench
from evals.thresholds import read_thresholds
from evals.traces import keep
from governance.choices import trials
from governance.control import control, use_control
from governance.errors import Denied, InvalidInput
from tests.evals.making import experiment, row, rows

NAME = "policy_decision_match_ref"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for module in ("cli.evals_gate", "cli.evals_judgement"):
        monkeypatch.setattr(f"{module}.baselines", lambda: tmp_path / "baselines")
    # Whoever edits a file while the tests run would make every result one of old code.
    monkeypatch.setattr(versions, "ROOT", tmp_path / "tree")
    use_control(None)
    yield tmp_path / "baselines"
    control().close()
    use_control(None)


def kept(name, wrong=0, n=40, **more):
    found = [row(f"P-{i:03}", suite="policy", scores={NAME: float(i >= wrong)}) for i in range(n)]
    (suite,) = bench().chosen(names=["policy"])
    here = {"versions": versions.versions(), "policy": versions.policy_version()}
    here["datasets"] = {"policy": versions.sha256(suite.dataset)}
    write(experiment(found, id=name, **here | more))


def tower(*arguments):
    result = CliRunner().invoke(app, [*arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def gate(name, *more):
    return tower("gate", name, "--suite", "policy", *more)


def test_pass_fail_and_inconclusive_are_three_exit_codes(folder):
    kept("good")
    kept("bad", wrong=9)

    assert gate("good")[0] == 3  # no baseline
    assert gate("good", "--accept", "the first one", "--as", "lena")[0] == 0
    assert gate("good")[0] == 0
    assert gate("bad")[0] == 1


def test_without_an_id_it_is_the_newest_that_has_what_is_demanded(folder):
    demanded = read_thresholds().suites()
    every = [row(i.id, suite=s.name) for s in bench().suites if s.name in demanded for i in s.cases()]
    policy = [each for each in every if each.suite == "policy"]
    part = [each for each in every if each is not policy[-1]]
    for hour, (name, found, more) in enumerate([
        ("whole", every, {}), ("policy", policy, {}), ("part", part, {}), ("clinc150", rows(1, 0), {}),
        ("single", every, {"versions": {"graph": "single"}}),
    ]):  # fmt: skip
        write(experiment(found, id=name, created=f"2026-11-22T0{hour}:00:00Z", **more))

    def chosen(*suites):
        return json.loads(tower("gate", *(f"--suite={suite}" for suite in suites), "--json")[1])["experiment"]

    assert (chosen(), chosen("policy"), chosen("policy", "routing")) == ("whole", "policy", "whole")
    assert "whole/report.html" in tower("report")[1].replace("\n", "")
    assert tower("topology", "--json") == tower("topology", "whole", "--json")


def test_without_one_that_is_whole_the_gate_says_so(folder):
    kept("part")

    for command in ("gate", "report", "topology"):
        with pytest.raises(
            InvalidInput, match=r"every case of .*policy.*run `tower eval run`, .*newest is part"
        ):
            tower(command)


def test_a_missing_metric_is_exit_code_1_and_pending_ones_are_shown(folder):
    kept("good")

    code, folded = tower("gate", "good")
    said = " ".join(folded.split())

    assert code == 1
    assert said.count("the metric is missing") == 1, "what holds for many is told once"
    assert "routing/intent_correctness_ref, " in said
    assert "pending: memory_use" in said


def test_a_sign_off_lets_what_is_undecided_pass_and_is_in_the_audit_log(folder):
    kept("good")

    assert gate("good", "--sign-off", "nothing to compare with yet", "--as", "lena")[0] == 0
    code, said = gate("good")

    assert (code, "signed off by lena" in said) == (0, True)
    (entry,) = control().audit.entries(kind="release_signed_off")
    assert (entry["user_id"], entry["body"]["why"]) == ("lena", "nothing to compare with yet")


def test_what_was_never_evaluated_passes_only_in_somebodys_name(folder):
    kept("good")
    gate("good", "--accept", "the first one", "--as", "lena")
    other = {"versions": {"code": "c0"}}
    kept("old", **other)
    kept("bad", wrong=9, **other)

    code, said = gate("old")

    assert (code, "was never evaluated: these results are of" in said) == (3, True)
    assert "INCONCLUSIVE  old  model offline, commit abc, policy" in said
    assert gate("bad")[0] == 1
    assert gate("old", "--sign-off", "only a comment differs", "--as", "lena")[0] == 0
    assert gate("old")[0] == 0
    kept("older", **other)
    assert gate("older")[0] == 3


def test_code_policy_and_cases_have_to_be_those_that_are_here(folder):
    one = [row("P-001", suite="policy")]
    here = {
        "versions": versions.versions(),
        "policy": versions.policy_version(),
        "datasets": {"clinc150": "x"},
    }
    others = ({"versions": {"code": "c0"}}, {"versions": {}}, {"policy": "p0"}, {"datasets": {"policy": ""}})

    assert versions.changed(experiment(one, **here)) == ()
    assert [len(versions.changed(experiment(one, **here | other))) for other in others] == [1, 1, 1, 1]


def test_a_changed_policy_was_never_evaluated_and_changed_thresholds_were(folder, tmp_path):
    rules, limits = tmp_path / "tree/governance/payments.cedar", tmp_path / "tree/evals/desk/gate.toml"
    for path in (rules, limits):
        path.parent.mkdir(parents=True)
        path.write_text("one")
    kept("good")
    gate("good", "--accept", "the first one", "--as", "lena")
    limits.write_text("two")
    assert gate("good")[0] == 0

    rules.write_text("two")
    assert gate("good")[0] == 3
    rules.write_text("one")
    assert gate("good")[0] == 0
    (tmp_path / "tree/requirements.lock").write_text("langgraph==9")
    assert gate("good")[0] == 3


@pytest.mark.parametrize("option", ["--accept", "--sign-off"])
def test_who_may_not_answers_for_nothing(folder, option):
    kept("good")

    with pytest.raises(Denied):
        gate("good", option, "it looks fine to me", "--as", "sam")
    assert not folder.exists()


@pytest.mark.parametrize("option", ["--accept", "--sign-off"])
def test_an_empty_reason_is_no_reason(folder, option):
    kept("good")

    with pytest.raises((InvalidInput, Denied)):
        gate("good", option, "", "--as", "lena")
    assert not folder.exists()


def test_the_verdict_for_machines_holds_every_finding(folder):
    kept("bad", wrong=9)

    said = json.loads(gate("bad", "--json")[1])

    assert (said["state"], said["findings"][0]["key"]) == ("FAIL", f"policy/{NAME}")
    assert said["pending"]


def test_compare_and_report_need_no_key(folder, tmp_path):
    kept("good")
    kept("bad", wrong=9)

    code, said = tower("compare", "good", "bad", "--json")
    assert code == 0
    assert json.loads(said)["changes"][0]["down"] == [f"P-{i:03}" for i in range(9)]
    assert tower("report", "bad", "--out", str(tmp_path / "report.html"))[0] == 0
    assert "P-008" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_compare_takes_what_was_accepted_and_names_what_got_worse(folder):
    kept("good")
    kept("bad", wrong=2)
    with pytest.raises(InvalidInput, match="no baseline yet"):
        tower("compare", "baseline", "bad")
    assert gate("good", "--accept", "the first", "--as", "lena")[0] == 0

    code, said = tower("compare", "baseline", "bad")

    assert code == 0
    assert f"down in policy/{NAME}: P-000, P-001" in said
    assert "agents: none" not in said


def test_review_shows_what_an_answer_takes_and_keeps_the_reviewers_name(folder, tower_home):
    got = {"status": "completed", "answer": "It is 312.50 EUR."}
    doubted = {"suite": "cases", "scores": {"good_ref": 1.0, "good_judge": 0.0}, "got": got, "run": "run-1"}
    found = [row("K-001", **doubted), row("K-003", split="held_out", **doubted)]
    write(experiment(found, id="disputed"))
    entry = {
        "kind": "denied",
        "run": "run-1",
        "seq": 1,
        "time": "2026-06-30T09:00:00.000Z",
        "actor": "claims",
    }
    keep(tower_home / "evals" / "stage", [entry])

    given = "zzz\nt\ny\nit is right\n"
    result = CliRunner().invoke(app, ["review", "disputed", "--as", "hanna"], input=given)

    assert result.exit_code == 0, result.output
    label = json.loads((tower_home / "evals" / "labels.jsonl").read_text())
    assert (label["by"], label["passed"], label["automatic"]) == ("hanna", True, False)
    for shown in ("1 to look at", "the inlet hose of our dishwasher", "312.50 EUR", "denied  claims"):
        assert shown in result.output
    assert "'zzz' is none of y, n, s, q, t" in result.output
    assert "K-003" not in result.output


def test_results_are_fed_to_the_front_door_once(folder, tower_home):
    got = {"graph": "supervisor", "status": "completed"}
    case = row(
        "K-1",
        suite="cases",
        layer="output",
        scores={"goal_success_rate": 1.0},
        run="run-1",
        tokens=70,
        got=got,
    )
    write(experiment([case], id="fed"))
    said = {"kind": "pattern_chosen", "run": "run-1", "body": {"job": "case_handling"}}
    keep(tower_home / "evals" / "stage", [said])

    for _ in range(2):
        assert tower("topology", "fed", "--feed", "--as", "otto")[0] == 0

    (trial,) = asyncio.run(trials(control(), "harbor", "case_handling"))
    assert (trial.pattern, trial.quality, trial.tokens) == ("supervisor", 100, 70)


def test_results_of_a_graph_take_their_class_from_what_the_front_door_said_before(folder, tower_home):
    def solved(suite, graph, run, name):
        got = {"graph": graph, "status": "completed"}
        scores = {"goal_success_rate": 1.0}
        return row(name, suite=suite, layer="output", scores=scores, run=run, got=got)

    door, script = solved("cases", "supervisor", "run-1", "K-1"), solved("oracle", "single", "run-3", "K-2")
    write(experiment([door, script], id="door"))
    forced = [solved("cases", "single", f"run-2{name}", name) for name in ("K-1", "K-2")]
    write(experiment(forced, id="forced", versions={"graph": "single"}))
    told = [("run-1", "case_handling"), ("run-3", "claim_new")]
    said = [{"kind": "pattern_chosen", "run": run, "body": {"job": job}} for run, job in told]
    keep(tower_home / "evals" / "stage", said)

    assert "1 results are among" in tower("topology", "forced", "--feed", "--as", "otto")[1]

    (trial,) = asyncio.run(trials(control(), "harbor", "case_handling"))
    assert trial.pattern == "single"
    shown = json.loads(tower("topology", "forced", "--json")[1])["standings"]
    # What a script answered is no judgement of the front door.
    assert [(s["job"], s["pattern"]) for s in shown] == [("case_handling", "single"), ("not known", "single")]


def test_drift_takes_an_auditors_key(folder):
    assert tower("drift", "--as", "aris")[0] == 0
    with pytest.raises(Denied):
        tower("drift", "--as", "sam")


def test_cases_that_somebody_picked_are_no_canary(folder):
    (suite,) = bench().chosen(names=["cases"])
    failed = [row(i.id, suite="cases", scores={"goal_success_rate": 0.0}) for i in suite.cases()]

    def streams():
        said = json.loads(tower("drift", "--as", "aris", "--json")[1])
        return {signal["stream"] for signal in said["signals"]}

    for name, found in (("picked", failed[1:]), ("whole", failed)):
        write(experiment(found, id=name, model=versions.models()["worker"]))
        assert ("canary" in streams()) == (name == "whole")
