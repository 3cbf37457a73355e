"""Experiments reach LangSmith whole and once, and a difference fails (real SDK, recording stub)."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from evals import langsmith_sink
from evals.rows import Experiment, write
from evals.sinks import SinkFailed, send
from governance.errors import InvalidInput
from tests.evals.langsmith_stub import UUID7, Stub, serving
from tests.evals.results import experiment
from tests.forking import Forker

ROOT = Path(__file__).parents[2]
INPUTS = {("routing", "R-0001"): "My pipe burst."}


@pytest.fixture
def stub(request: pytest.FixtureRequest) -> Iterator[Stub]:
    with serving(multipart=getattr(request, "param", True)) as served:
        yield served


either_way = pytest.mark.parametrize("stub", [True, False], ids=["multipart", "batch"], indirect=True)


def upload(stub: Stub, what: Experiment, **more: Any) -> list[str]:
    where = {"api_url": stub.url, "api_key": "lsv2_secret_key"}
    return langsmith_sink.upload(what, **{"inputs": INPUTS, "patience": timedelta(0), "where": where, **more})


def by_case(stub: Stub) -> Mapping[str, dict[str, Any]]:
    return {run["name"]: run for run in stub.runs.values()}


@either_way
def test_datasets_experiments_runs_and_scores_arrive(stub):
    said = upload(stub, experiment())

    assert said == [
        "langsmith: routing-e-1, 24 runs, 24 examples",
        "langsmith: cases-e-1, 2 runs, 1 examples",
    ]
    assert {d["name"] for d in stub.datasets.values()} == {"tower-routing", "tower-cases"}
    routing = next(p for p in stub.projects.values() if p["name"] == "routing-e-1")
    assert routing["extra"]["metadata"] == {
        "experiment": "e-1",
        "suite": "routing",
        "layer": "component",
        "git_sha": "abc123",
        "dataset_sha256": "d1",
        "policy": "p7",
        "model": "offline-1",
        "version_agents": "a1",
        "version_tools": "t1",
    }
    assert routing["end_time"]
    run = by_case(stub)["R-0003"]
    example = stub.examples[run["reference_example_id"]]
    assert run["outputs"] == {"got": "billing"}
    assert example["outputs"] == {"expected": "claim"}
    assert example["dataset_id"] == routing["reference_dataset_id"]
    assert example["metadata"] == {"case": "R-0003", "dataset_split": ["dev"]}
    assert run["extra"]["metadata"]["tower_run"] == "run-R-0003"
    assert UUID7.match(run["id"])
    assert by_case(stub)["R-0004"]["error"] == "no answer"
    assert stub.examples[by_case(stub)["R-0001"]["reference_example_id"]]["inputs"] == {
        "case": "R-0001",
        "input": "My pipe burst.",
    }
    scores = {f["key"]: f["score"] for f in stub.feedback.values() if run["id"] in f.values()}
    assert scores == {"intent_correctness_ref": 0.0, "seconds": 1.5}


def test_examples_keep_their_ids_and_a_changed_label_is_corrected(stub):
    upload(stub, experiment())
    before = dict(stub.examples)
    second = experiment(name="e-2")
    changed = replace(second.rows[7], expected="theft")
    upload(stub, replace(second, rows=(*second.rows[:7], changed, *second.rows[8:])))

    assert set(stub.examples) == set(before)
    different = [e for id_, e in stub.examples.items() if e["outputs"] != before[id_]["outputs"]]
    assert [e["outputs"] for e in different] == [{"expected": "theft"}]
    assert len(stub.projects) == 4
    assert len(stub.runs) == 52


@either_way
def test_uploading_again_doubles_nothing_and_completes_what_was_cut_off(stub):
    upload(stub, experiment())
    runs, feedback = dict(stub.runs), dict(stub.feedback)
    upload(stub, experiment())
    assert (stub.runs, stub.feedback) == (runs, feedback)

    for id_ in list(stub.feedback)[::3]:
        del stub.feedback[id_]
    upload(stub, experiment())

    assert set(stub.runs) == set(runs)
    assert set(stub.feedback) == set(feedback)


def test_what_json_stores_cannot_keep_is_sent_as_text(stub):
    nasty = {"amount": 10**30, "ids": (1, 2), "note": "a\0b\ud800", "share": float("inf")}
    one = replace(experiment().rows[0], got=nasty, expected=nasty)
    what = replace(experiment(), rows=(one,))

    for _ in range(2):
        upload(stub, what, inputs={("routing", one.case): nasty})

    kept = {"amount": str(10**30), "ids": [1, 2], "note": "a\ufffdb?", "share": "inf"}
    (run,), (example,) = stub.runs.values(), stub.examples.values()
    assert run["outputs"] == {"got": kept}
    assert example["outputs"] == {"expected": kept}
    assert ("PATCH", "/examples/bulk") not in stub.requests


def test_cases_for_review_stand_in_the_queue_once(stub):
    what = experiment()
    for _ in range(2):
        upload(stub, what, review=[what.rows[3], what.rows[4]])

    (queue,) = stub.queues.values()
    assert queue["name"] == "tower-review"
    assert sorted(stub.runs[id_]["name"] for id_ in stub.queued[queue["id"]]) == ["R-0003", "R-0004"]


def test_a_queue_that_takes_nothing_fails(stub):
    what = experiment()
    stub.forget = "queued"

    with pytest.raises(SinkFailed, match="lacks 1 of 1"):
        upload(stub, what, review=[what.rows[3]])


@pytest.fixture
def tower(forker: Forker, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """`tower eval` in a process of its own."""

    def run(*command: str, **env: str) -> subprocess.CompletedProcess[str]:
        started = forker.start(["eval", *command], os.environ | {"TOWER_HOME": str(tmp_path)} | env, ROOT)
        said, errors = started.communicate(timeout=200)
        return subprocess.CompletedProcess(command, started.poll() or 0, said, errors)

    return run


def test_the_environment_alone_decides(stub, tmp_path, tower):
    write(experiment(), tmp_path / "evals" / "e-1")
    endpoint = {"LANGSMITH_ENDPOINT": stub.url, "LANGSMITH_TRACING": "true"}

    without = tower("upload", **endpoint)
    assert (without.returncode, stub.requests) == (2, [])
    assert "set LANGSMITH_API_KEY" in " ".join(without.stderr.split())

    done = tower("upload", "e-1", **endpoint, LANGSMITH_API_KEY="key")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "routing-e-1, 24 runs" in done.stdout
    assert len(stub.runs) == 26
    asked = stub.examples[by_case(stub)["R-0002"]["reference_example_id"]]["inputs"]["input"]
    assert asked["text"].startswith("is a stone chip")


def test_a_run_of_suites_without_a_key_sends_nothing(stub, tower):
    case = ("--suite", "routing", "--case", "R-0001", "--max-concurrency", "1", "--json")
    endpoint = {"LANGSMITH_ENDPOINT": stub.url, "LANGSMITH_TRACING": "true"}

    ran = tower("run", *case, **endpoint)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["sent"] == []
    assert stub.requests == []

    ran = tower("run", *case, **endpoint, LANGSMITH_API_KEY="key")
    assert ran.returncode == 0, ran.stderr
    assert "1 runs" in json.loads(ran.stdout)["sent"][0]
    assert [run["name"] for run in stub.runs.values()] == ["R-0001"]  # and no trace of what the case ran


def test_an_upload_without_a_place_for_it_is_an_error():
    assert send(experiment()) == []
    with pytest.raises(InvalidInput, match="LANGSMITH_API_KEY"):
        send(experiment(), required=True)
