"""Public sets are read from a local path, in their own formats; what isn't one of them is refused."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.main import app
from evals import external, few_shot, tau2
from evals.public import read_banking77, read_clinc150, some
from evals.rows import read
from evals.summary import summary
from governance.errors import InvalidInput

SAID = {
    "book_table": [
        "book a table for two tonight",
        "reserve a table at the italian restaurant",
        "i need a dinner reservation for six people",
        "can you get us a table for lunch tomorrow",
        "please make a restaurant booking for friday",
    ],
    "play_music": [
        "play some jazz",
        "put on the new album by that band",
        "i want to hear a song from the sixties",
        "start my running playlist",
        "turn on some music please",
    ],
    "tyre_pressure": [
        "what pressure should my tyres have",
        "how much air goes into the car tires",
        "tell me the right tyre pressure",
        "are my tires low on air",
        "check the pressure of the front tyres",
    ],
}
OUTSIDE = ["why is the sky blue", "translate good morning into polish"]


def clinc150(path: Path, **more: Any) -> Path:
    """A file with the keys and the row format of `data_full.json`."""
    train = [[text, intent] for intent, texts in SAID.items() for text in texts[:4]]
    val = [[texts[4], intent] for intent, texts in SAID.items()]
    oos = [[text, "oos"] for text in OUTSIDE]
    path.write_text(json.dumps({"train": train, "val": val, "oos_train": [], "oos_val": oos, **more}))
    return path


def banking77(path: Path, texts: slice) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "category"])
        writer.writerows((text, intent) for intent, said in SAID.items() for text in said[texts])
    return path


RESULTS: dict[str, Any] = {
    "timestamp": "2026-01-02T03:04:05",
    "info": {
        "environment_info": {"domain_name": "library", "policy": "…"},
        "agent_info": {"implementation": "llm_agent", "llm": "some-model"},
        "num_trials": 2,
    },
    "tasks": [
        {
            "id": 0,
            "description": {"purpose": "a loan is extended"},
            "user_scenario": {
                "persona": None,
                "instructions": {"domain": "library", "reason_for_call": "late"},
            },
            "evaluation_criteria": {
                "actions": [{"action_id": "0_0", "name": "extend_loan", "arguments": {"book": "B-1"}}],
                "reward_basis": ["DB"],
            },
        },
        {"id": "1", "user_scenario": {"instructions": "Ask for the opening hours."}},
    ],
    "simulations": [
        {"task_id": 0, "trial": 0, "reward_info": {"reward": 1.0}, "duration": 2.5, "agent_cost": 0.01},
        {"task_id": "0", "trial": 1, "reward_info": {"reward": 0.0}, "termination_reason": "user_stop"},
        {"task_id": "1", "trial": 0, "reward_info": None, "termination_reason": "max_steps"},
        {"task_id": "1", "trial": 1, "reward_info": {"reward": 1.0}},
    ],
}


def test_clinc150_ends_in_rows_with_correctness_and_auroc(tmp_path):
    made = external.evaluate("clinc150", clinc150(tmp_path / "full.json"), limit=15)

    found = summary(made.rows)
    assert found["intent_correctness_ref"] == 1.0
    assert found["out_of_scope_auroc_ref"] == 1.0
    assert found["intent_correctness_ref__null"] == pytest.approx(1 / 3)
    assert "offline" in made.model
    assert [row.case for row in made.rows] == [
        "val-00000",
        "val-00001",
        "val-00002",
        "val-outside-00000",
        "val-outside-00001",
    ]
    assert "intent_correctness_ref" not in made.rows[-1].scores
    again = external.evaluate("clinc150", tmp_path / "full.json", limit=15)
    assert [replace(row, seconds=0) for row in made.rows] == [replace(row, seconds=0) for row in again.rows]


def test_a_wrong_label_shows(tmp_path):
    swapped = [[SAID["play_music"][4], "book_table"], [SAID["tyre_pressure"][4], "tyre_pressure"]]
    made = external.evaluate("clinc150", clinc150(tmp_path / "full.json", val=swapped), limit=15)

    assert summary(made.rows)["intent_correctness_ref"] == 0.5


def test_the_test_split_is_taken_where_there_is_one(tmp_path):
    path = clinc150(tmp_path / "full.json", test=[["play a song", "play_music"]], oos_test=[["hm", "oos"]])

    found = read_clinc150(path)

    assert (found.split, len(found.test), found.outside) == ("test", 1, ["hm"])


def test_banking77_holds_out_a_quarter_or_takes_the_test_file(tmp_path):
    path = banking77(tmp_path / "train.csv", slice(None))
    alone = read_banking77(path)
    assert len(alone.test) == 6
    assert not set(alone.test) & set(alone.train)

    banking77(tmp_path / "test.csv", slice(4, 5))
    assert len(read_banking77(path).test) == 3
    rows = external.evaluate("banking77", path).rows
    assert {name for row in rows for name in row.scores} == {
        "intent_correctness_ref",
        "intent_correctness_ref__null",
        "intent_correctness_ref__keyword",
    }


def test_tau2_results_become_rows_per_trial(tmp_path):
    path = tmp_path / "results.json"
    path.write_text(json.dumps(RESULTS))

    made = external.evaluate("tau2", path)

    assert made.model == "some-model"
    assert [(r.case, r.repetition, r.scores["goal_success_rate"]) for r in made.rows] == [
        ("library-0", 0, 1.0),
        ("library-0", 1, 0.0),
        ("library-1", 0, 0.0),
        ("library-1", 1, 1.0),
    ]
    assert made.rows[0].expected == {"reward_basis": ["DB"], "actions": ["extend_loan"]}
    assert made.rows[0].micros == 10_000
    assert made.rows[2].got == {"reward": 0.0, "ended": "max_steps"}
    assert {row.case for row in external.evaluate("tau2", path, limit=1).rows} == {"library-0"}


def test_tau2_tasks_are_read_and_no_results(tmp_path):
    path = tmp_path / "tasks.json"
    path.write_text(json.dumps(RESULTS["tasks"]))

    assert [task.id for task in tau2.read_tasks(path)] == ["0", "1"]
    with pytest.raises(InvalidInput, match="2 tasks and no results"):
        external.evaluate("tau2", path)


@pytest.mark.parametrize(
    ("simulations", "said"),
    [
        ([], "holds no simulation"),
        ([*RESULTS["simulations"], RESULTS["simulations"][0]], "task 0, trial 0, 2 times"),
    ],
)
def test_tau2_results_that_are_empty_or_double_are_refused(tmp_path, simulations, said):
    path = tmp_path / "results.json"
    path.write_text(json.dumps(RESULTS | {"simulations": simulations}))

    with pytest.raises(InvalidInput, match=said):
        external.evaluate("tau2", path)


def test_a_byte_order_mark_is_no_part_of_a_file(tmp_path):
    intents, csv_, tau = clinc150(tmp_path / "c"), banking77(tmp_path / "b", slice(None)), tmp_path / "t"
    tau.write_text(json.dumps(RESULTS))
    for path in (intents, csv_, tau):
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())

    assert read_clinc150(intents).train
    assert read_banking77(csv_).train
    assert tau2.read_results(tau).simulations


@pytest.mark.parametrize("name", external.NAMES)
@pytest.mark.parametrize(
    "text", [None, "", "{}", '{"train": [1], "val": 3}', "a,b\n1,2\n", "\0", '{"x": "\udc80"}']
)
def test_what_is_no_such_file_is_refused(tmp_path, name, text):
    path = tmp_path / "data"
    if text is not None:
        path.write_bytes(text.encode("utf-8", "surrogateescape"))

    with pytest.raises(InvalidInput, match="data"):
        external.evaluate(name, path)


def test_an_unknown_set_and_unknown_intents_are_refused(tmp_path):
    with pytest.raises(InvalidInput, match="clinc150, banking77, tau2"):
        external.evaluate("clinc", tmp_path / "x")
    with pytest.raises(InvalidInput, match="no training text has"):
        read_clinc150(clinc150(tmp_path / "full.json", val=[["play", "songs"]]))


def test_a_limit_leaves_out_always_the_same_ones():
    kept = some(range(100), 10)

    assert kept == some(range(100), 10) == sorted(kept)
    assert len(kept) == 10
    assert set(some(range(100), 5)) <= set(kept)
    assert some(range(3), 10) == [0, 1, 2]


def test_few_shots_only(tmp_path, monkeypatch):
    monkeypatch.setattr(few_shot, "SHOTS", 1)
    seen: list[str] = []
    embed = few_shot.minilm().embed
    monkeypatch.setattr(few_shot.minilm(), "embed", lambda texts: seen.extend(texts) or embed(texts))

    external.evaluate("clinc150", clinc150(tmp_path / "full.json"), limit=5)

    assert len(seen) == 3 + 5 - 1


@pytest.mark.parametrize(
    "said",
    ["clinc150", "clinc150 --suite banking77 --data x", "clinc150 --data x --model local", "cases --limit 4"],
)
def test_a_public_set_is_run_alone_from_its_file(said):
    with pytest.raises(InvalidInput, match="--suite NAME --data FILE"):
        CliRunner().invoke(app, ["eval", "run", "--suite", *said.split()], catch_exceptions=False)


def test_the_command_writes_an_experiment(tmp_path):
    path = clinc150(tmp_path / "full.json")

    said = CliRunner().invoke(app, ["eval", "run", "--suite", "clinc150", "--data", str(path), "--json"])

    assert said.exit_code == 0, said.output
    printed = json.loads(said.stdout)
    assert printed["summaries"]["clinc150"]["intent_correctness_ref"] == 1.0
    assert "language model" in printed["about"]
    assert printed["sent"] == []
    assert read(Path(printed["folder"])).rows[0].suite == "clinc150"
