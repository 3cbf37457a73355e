"""What LangSmith has otherwise, refuses or never answers fails, and says what to do (real SDK, stub)."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from langsmith.utils import get_env_var

from evals import langsmith_client
from evals.sinks import SinkFailed
from tests.evals.langsmith_stub import TENANT
from tests.evals.results import experiment
from tests.evals.test_langsmith_sink import by_case, stub, upload

__all__ = ["stub"]


def of(case: str, *path: str) -> Callable[[object], Callable[[dict[str, Any]], None]]:
    """Put another value into the run or the example of one case."""

    def to(other: object) -> Callable[[dict[str, Any]], None]:
        def change(value: dict[str, Any]) -> None:
            if case in (value.get("name"), value.get("metadata", {}).get("case"), ""):
                *outer, last = path
                for name in outer:
                    value = value[name]
                value[last] = other

        return change

    return to


def half(feedback: dict[str, Any]) -> None:
    if feedback["score"] == 1.5:  # of one case only
        feedback["score"] = 0.75


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"forget": "runs"}, "is missing"),
        ({"forget": "feedback"}, "intent_correctness_ref of R-"),
        ({"forget": "examples"}, "is missing"),
        ({"alter": {"feedback": half}}, "seconds of R-0003 is 0.75 instead of 1.5"),
        (
            {"alter": {"examples": of("R-0017", "outputs")({"expected": "WRONG"})}},
            "outputs of example R-0017 is {'expected': 'WRONG'} instead of {'expected': 'claim'}",
        ),
        ({"alter": {"examples": of("R-0017", "inputs")({})}}, "inputs of example R-0017"),
        (
            {"alter": {"examples": of("R-0017", "metadata", "dataset_split")(["test"])}},
            "split of example R-0017 is ['test'] instead of ['dev']",
        ),
        (
            {"alter": {"runs": of("R-0017", "outputs")({"got": "ELSE"})}},
            "outputs of R-0017 is {'got': 'ELSE'} instead of {'got': 'claim'}",
        ),
        ({"alter": {"runs": of("R-0017", "inputs")({})}}, "inputs of R-0017 is {}"),
        ({"alter": {"runs": of("R-0017", "error")("odd")}}, "error of R-0017 is odd instead of None"),
        ({"alter": {"runs": of("R-0017", "tags")([])}}, "tags of R-0017 is []"),
        (
            {"alter": {"runs": of("R-0017", "reference_example_id")(None)}},
            "reference_example_id of R-0017 is None instead of",
        ),
        (
            {"alter": {"runs": of("R-0017", "extra", "metadata", "tokens")(99)}},
            "tokens of R-0017 is 99 instead of 0",
        ),
        (
            {"alter": {"projects": of("routing-e-1", "extra", "metadata", "policy")("p0")}},
            "policy of the experiment is p0 instead of p7",
        ),
        (
            {"alter": {"projects": of("routing-e-1", "reference_dataset_id")(TENANT)}},
            f"the experiment belongs to dataset {TENANT}",
        ),
    ],
)
def test_what_langsmith_has_otherwise_fails(stub, fault, said):
    vars(stub).update(fault)

    with pytest.raises(SinkFailed, match="doesn't have routing-e-1 as it was sent") as caught:
        upload(stub, experiment())

    assert said in str(caught.value)


def test_every_page_of_runs_is_compared_in_few_requests(stub):
    what = experiment(cases=150)
    stub.alter = {"runs": of("R-0149", "outputs")({"got": "ELSE"})}

    with pytest.raises(SinkFailed, match="outputs of R-0149"):
        upload(stub, what)

    assert stub.requests.count(("POST", "/runs/query")) == 2


def test_a_run_that_was_not_sent_fails(stub):
    upload(stub, experiment())
    stranger = {**by_case(stub)["R-0003"], "id": str(uuid.uuid4())}
    stub.runs[stranger["id"]] = stranger

    with pytest.raises(SinkFailed, match="1 runs that weren't sent"):
        upload(stub, experiment())


@pytest.mark.parametrize("hidden", ["INPUTS", "OUTPUTS", "METADATA"])
def test_what_is_held_back_is_not_missed(stub, monkeypatch, hidden):
    get_env_var.cache_clear()
    monkeypatch.setenv(f"LANGSMITH_HIDE_{hidden}", "true")
    try:
        upload(stub, experiment())
    finally:
        get_env_var.cache_clear()

    run = by_case(stub)["R-0003"]
    assert {"INPUTS": run["inputs"], "OUTPUTS": run["outputs"], "METADATA": run["extra"]["metadata"]}[
        hidden
    ] == {}


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "check LANGSMITH_API_KEY,"),
        (403, "LANGSMITH_WORKSPACE_ID"),
        (429, "wait some minutes"),
        (500, "your key isn't to blame"),
        (503, "your key isn't to blame"),
        (422, "see whether LANGSMITH_ENDPOINT is a LangSmith"),
    ],
)
def test_what_is_refused_says_what_to_do(stub, monkeypatch, status, said):
    monkeypatch.setattr(langsmith_client, "BACKOFF_SECONDS", 0)
    stub.refuse = status

    with pytest.raises(SinkFailed, match=said):
        upload(stub, experiment())


@pytest.mark.parametrize("raw", [b"<html>Sign in</html>", b"[3]", b'{"a": 1}', b"null", b'[{"id": 1}]'])
def test_what_is_no_langsmith_is_told_as_that(stub, raw):
    stub.raw = raw

    with pytest.raises(SinkFailed, match=r"not as LangSmith does.*LANGSMITH_ENDPOINT"):
        upload(stub, experiment())


def test_where_nobody_listens_the_address_is_named_and_not_the_key(stub, monkeypatch):
    monkeypatch.setattr(langsmith_client, "BACKOFF_SECONDS", 0)
    where = {"api_url": "http://127.0.0.1:9", "api_key": "lsv2_secret_key"}

    with pytest.raises(SinkFailed, match="LANGSMITH_ENDPOINT") as caught:
        upload(stub, experiment(), where=where)

    assert "lsv2" not in str(caught.value)


@pytest.mark.parametrize("hang", ["/", "/runs/multipart", "/runs/query"])
def test_a_server_that_hangs_ends_by_the_limit(stub, hang, capfd, caplog):
    stub.hang = hang

    with pytest.raises(SinkFailed, match="see whether LANGSMITH_ENDPOINT"):
        upload(stub, experiment(), limit=timedelta(seconds=0.3))

    assert (capfd.readouterr().err, caplog.text) == ("", "")


def test_a_refused_ingest_says_so_once_without_ids_and_key(stub, monkeypatch, capfd, caplog):
    stub.refuse, stub.refuse_at = 500, "/runs/multipart"
    monkeypatch.setattr(langsmith_client, "BACKOFF_SECONDS", 0)

    with pytest.raises(SinkFailed, match="refused") as caught:
        upload(stub, experiment())

    said = str(caught.value) + capfd.readouterr().err + caplog.text
    assert "lsv2" not in said
    assert "trace=" not in said
    assert len(said) < 500
