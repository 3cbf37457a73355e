"""A judge's labels of real answers count in drift only while this very judge is calibrated."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from cli.evals import app
from cli.evals_judgement import cases_of
from evals import thresholds
from evals.calibration import Calibration, keep
from evals.desk import judging, stage
from evals.play import play
from evals.rows import write
from evals.sample import drawn, labels
from evals.standing import GOAL
from evals.versions import models
from governance.control import control, use_control
from governance.errors import InvalidInput
from graphs.domain import domain
from nodes.admission import Request
from tests.evals.chat_stub import chat_server
from tests.evals.making import experiment, row

IBAN = "DE89370400440532013000"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Where one question was answered, offline."""
    folder, patch = tmp_path_factory.mktemp("home"), pytest.MonkeyPatch()
    patch.setenv("TOWER_HOME", str(folder))
    use_control(None)
    request = Request(f"Is a burst pipe covered? My account is {IBAN}.")
    played = asyncio.run(play(domain(), "direct", stage.users()["sam"], request))
    control().close()
    use_control(None)
    patch.undo()
    assert played.status == "completed"
    return folder


@pytest.fixture
def judge(home, tmp_path, monkeypatch):
    """The home with a judge that finds everything relevant and nothing faithful; what it was asked."""
    limits = thresholds.read_thresholds()
    monkeypatch.setattr(
        thresholds, "read_thresholds", lambda *_: replace(limits, drift=replace(limits.drift, judged=1.0))
    )
    monkeypatch.setattr("cli.evals_judgement.baselines", lambda: tmp_path)
    monkeypatch.setenv("TOWER_HOME", str(home))
    (home / "evals" / "evals.db").unlink(missing_ok=True)
    use_control(None)
    with chat_server(lambda _: ("Judgement", {"faithfulness": "fail", "relevance": "pass"})) as (url, seen):
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        yield seen
    control().close()
    use_control(None)


def drift(*arguments):
    result = CliRunner().invoke(app, ["drift", "--as", "aris", "--json", *arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    said = json.loads(result.stdout)
    return said, next((s for s in said["signals"] if s["stream"] == "judge"), None)


def calibrated(folder, name, *reasons):
    keep(Calibration(name, "d", 60, {}, 1.0, 0.5, reasons), folder)


def test_what_the_judge_says_is_kept_once_and_counts_while_it_is_calibrated(judge, home, tmp_path):
    said, stream = drift("--judge")
    name = judging.ModelJudge().name
    assert stream is None
    assert "isn't calibrated" in said["off"]["judge"]
    assert len(judge) == 1
    assert "burst pipe" in str(judge)
    assert "[home-wording" in str(judge)
    assert IBAN not in str(judge)

    with closing(sqlite3.connect(home / "evals" / "evals.db")) as found:
        [(run, by, time, faithful, relevant)] = found.execute("SELECT * FROM judged")
    assert (run[:4], by, time[:2], faithful, relevant) == ("run-", name, "20", 0.0, 1.0)

    calibrated(tmp_path, "another model")
    assert drift()[1] is None
    calibrated(tmp_path, name, "kappa 0.10, 0.60 is needed")
    assert drift()[1] is None
    calibrated(tmp_path, name)
    said, stream = drift("--judge")
    assert (stream["n"], stream["said"][:12]) == (1, "0.000 passed")
    assert "judge" not in said["off"]
    assert len(judge) == 1, "nobody is asked twice"


def test_without_a_language_model_nothing_is_judged(judge, monkeypatch):
    monkeypatch.delenv("OPENAI_BASE_URL")

    said, stream = drift("--judge")

    assert (stream, judge) == (None, [])
    assert said["judged"] == "nothing was judged: no language model has the judge's role"
    assert "calibrate-judge --keep" in said["off"]["judge"]


def test_a_judge_that_is_away_has_said_nothing(judge, monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")

    said, _ = drift("--judge")

    assert "the judge was away" in said["judged"]
    assert labels(judging.ModelJudge().name) == {}


def test_the_sample_is_drawn_by_the_runs_ids():
    runs = {f"run-{i:04}": f"2026-11-21T{i:06}" for i in range(2000)}

    first = drawn(runs, "", 0.1)

    assert 150 < len(first) < 250
    assert drawn(dict(reversed(runs.items())), "", 0.1) == first
    assert drawn(runs, "2026-11-21T001000", 0.1) == [run for run in first if run >= "run-1000"]
    assert drawn(runs, "", 1.0) == list(runs)


@pytest.mark.parametrize("time", ["yesterday", "2026-31-01", "2999-01-01"])
def test_a_time_that_is_none_is_refused(time):
    assert CliRunner().invoke(app, ["drift", "--since", time, "--as", "aris"]).exit_code == 2


@pytest.mark.parametrize(
    ("suite", "says"), [("nosuch", "no nosuch"), ("", "layers are"), ("cases", "no row of")]
)
def test_a_canary_that_says_nothing_is_refused(judge, suite, says):
    with pytest.raises(InvalidInput, match=says):
        drift("--canary", suite)


def test_a_canary_is_of_the_model_that_is_deployed(judge, monkeypatch):
    monkeypatch.delenv("OPENAI_BASE_URL")
    cases, here = sorted(cases_of(["cases"])["cases"]), {"code": "c1", "policy": "p1"}
    for name, model, score in (("right", models()["worker"], 1.0), ("wrong", "openai/other", 0.0)):
        rows = [row(case, suite="cases", layer="output", scores={GOAL: score}) for case in cases]
        write(experiment(rows, id=name, model=model, versions=here))

    said, _ = drift()

    (canary,) = [s for s in said["signals"] if s["stream"] == "canary"]
    assert (canary["n"], canary["said"][:12], canary["alarm"]) == (len(cases), "1.000 passed", False)
