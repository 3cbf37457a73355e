"""A model is fit for a role if it makes the right calls with their arguments, more often than rules do."""

from __future__ import annotations

import asyncio

import pytest

from evals.datasets import load
from evals.desk import roles, stage
from evals.desk.data import DATASETS
from evals.recommendation import recommendations
from evals.suites import Item, Setting
from tests.evals.chat_stub import chat_server
from tests.evals.making import experiment, row

FIRST = ("search_wording", "list_claims", "find_customer", "add_note", "get_claim")
"""What a constant says: the first of these that it is offered."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    found = tmp_path_factory.mktemp("stage")
    asyncio.run(stage.prepare(found))
    return found


CASES = {case.id: case for case in load("tools", DATASETS) if case.split == "dev"}
DUE = ("T-0167", "T-0156", "T-0150", "T-0005", "T-0142")


async def judged(folder, script, monkeypatch, names=DUE):
    with chat_server(script) as (url, _seen):
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        items = [Item("roles-worker", name, "dev", CASES[name]) for name in names]
        return [await roles.evaluate(item, Setting(folder)) for item in items]


def constant(request):
    offered = {tool["function"]["name"] for tool in request["tools"]}
    name = next((each for each in FIRST if each in offered), "")
    args = {"customer_id": "C-10001", "question": "x", "product": "home", "kind": "note", "text": "x"}
    return (name, args) if name else "Done."


async def test_a_constant_is_fit_for_nothing(folder, monkeypatch):
    rows = await judged(folder, constant, monkeypatch)
    (worker, *_) = recommendations(experiment(rows * 20))

    assert [row.scores["accuracy_ref"] for row in rows] == [0.0] * len(DUE)
    assert worker[-1] == "not fit"


async def test_who_makes_the_labelled_calls_is_right(folder, monkeypatch):
    def gold(request):
        spoken = [message["content"] or "" for message in request["messages"]]
        if any(message["role"] == "tool" for message in request["messages"]):
            return "Done."
        return "add_note", {"customer_id": "C-10077", "kind": "complaint", "text": spoken[-1]}

    case = next(
        name
        for name, case in CASES.items()
        if [(c.tool, c.args.get("kind")) for c in case.calls] == [("add_note", "complaint")] and case.verified
    )
    who = CASES[case].customer_id

    def script(request):
        said = gold(request)
        return said if isinstance(said, str) else (said[0], {**said[1], "customer_id": who})

    (good,) = await judged(folder, script, monkeypatch, [case])
    (bad,) = await judged(folder, lambda r: gold(r) if who != "C-10077" else "Done.", monkeypatch, [case])

    assert good.scores["accuracy_ref"] == 1.0
    assert bad.scores["accuracy_ref"] == 0.0, "the right tool with the wrong customer"


def test_what_beats_no_rule_is_not_fit():
    def line(rule, right=100):
        scores = [{"accuracy_ref": float(n < right), "accuracy_ref__keyword": rule} for n in range(100)]
        valid = {"tool_call_validity": 1.0}
        rows = [
            row(f"T-{n}", suite="roles-worker", layer="model", scores=s | valid) for n, s in enumerate(scores)
        ]
        return recommendations(experiment(rows))[0]

    assert line(0.2)[-1] == "fit"
    assert line(0.97, right=99)[-1] == "not fit"
    assert "0.97 keyword" in line(0.97)


def test_who_is_away_half_of_the_time_is_fit_for_nothing():
    def judged(away: int) -> tuple[str, ...]:
        scores = {"accuracy_ref": 1.0, "structured_output_validity": 1.0}
        found = [
            row(
                f"R-{n}",
                suite="roles-planner",
                layer="model",
                scores=scores if n >= away else dict.fromkeys(scores, 0.0),
                error="" if n >= away else "Timeout",
            )
            for n in range(100)
        ]
        return next(line for line in recommendations(experiment(found)) if line[0] == "planner")

    assert judged(0)[-1] == "fit"
    assert judged(50)[-1] == "not fit"
    assert judged(50)[1] == "100 of roles-planner, 50 failed"
    assert judged(100)[-1] == "not measured"
