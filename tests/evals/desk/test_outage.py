"""A model that is away is nobody's wrong answer: the case is an error, isn't cached and fails the gate."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.graph import END, START
from langgraph.runtime import Runtime

from evals.baselines import Baseline
from evals.desk import probes
from evals.desk.stage import asked
from evals.gate import decide
from evals.rows import home
from evals.runner import Plan, evaluate
from evals.suites import Unjudged, bench
from evals.summary import BESIDE
from evals.thresholds import read_thresholds
from evals.traces import kept
from evals.verdict import State
from governance.errors import ControlUnavailable, ModelUnavailable
from graphs.pattern import add
from models.door import use_model
from models.scripted import ScriptedChatModel
from nodes.admission import Request
from nodes.desk.agents import SERVICE
from nodes.state import Context, RunState
from nodes.turn import turn_for
from tests.evals.chat_stub import chat_server

NOBODY_LISTENS = "http://127.0.0.1:9/v1"
ASK_A_MODEL = (
    "roles-worker", "roles-planner", "roles-judge", "routing", "tools", "tools-by-code", "verdicts",
    "answers", "cases", "cases-single",
)  # fmt: skip
FINDS = {"answers": "Q-0022"}
"""A question for which there are passages; without any, code hands over and asks no model."""
ASK_NONE = ("retrieval", "policy", "aggregation", "oracle")


def one(name: str):
    (suite,) = bench().chosen(names=[name])
    case = FINDS.get(name) or next(case.id for case in suite.cases() if case.split == "dev")
    return evaluate(Plan([suite], cases=[case], max_concurrency=1, warm=False))


def test_every_suite_is_looked_at():
    assert {suite.name for suite in bench().suites} == {*ASK_A_MODEL, *ASK_NONE}


@pytest.mark.parametrize("name", ASK_A_MODEL)
def test_an_endpoint_that_is_away_is_an_error_and_no_score(name, monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", NOBODY_LISTENS)
    limits = read_thresholds().only([name])

    first, second = one(name), one(name)
    (row,), (again,) = first.rows, second.rows

    assert "where nobody listens" in row.error
    assert not any(score for score_of, score in row.scores.items() if BESIDE not in score_of)
    assert row.scores.keys().isdisjoint(each.name for each in limits.safety)
    assert row.run in kept()
    assert row.run != again.run, "it was asked again, and not taken from the cache"
    if limits.metric:
        verdict = decide(first, Baseline({}), limits)
        assert {f.state for f in verdict.findings} == {State.FAIL}
        assert "1 cases could not be judged" in str(verdict.findings[0].reasons)


@pytest.mark.parametrize("name", ASK_NONE)
def test_what_asks_no_endpoint_is_judged_without_one(name, monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", NOBODY_LISTENS)

    assert one(name).rows[0].error == ""


async def test_a_pattern_that_goes_on_without_an_answer_is_not_judged_either(monkeypatch):
    async def think(state: RunState, config: RunnableConfig, runtime: Runtime[Context]) -> dict[str, Any]:
        turn = await turn_for(SERVICE, SERVICE.name, state, config, runtime.context)
        with suppress(ModelUnavailable):
            await turn.think()
        return {}

    g = probes._graph()
    add(g, SERVICE.name, think)
    g.add_edge(START, SERVICE.name)
    g.add_edge(SERVICE.name, END)
    await bench().prepare(home() / "stage")
    monkeypatch.setenv("OPENAI_BASE_URL", NOBODY_LISTENS)

    with pytest.raises(Unjudged, match="where nobody listens"):
        await asked(home() / "stage", "single", Request("Good morning."), compiled=g.compile())


def test_a_model_that_answers_nonsense_is_judged_and_wrong():
    use_model(ScriptedChatModel.of([ValueError("no answer")] * 9))
    try:
        (row,) = one("roles-judge").rows
    finally:
        use_model(None)

    assert (row.error, row.scores["accuracy_ref"]) == ("", 0.0)


@pytest.mark.parametrize(
    "said",
    [
        b"<html>please log in</html>",
        b'{"choices": []}',
        b'{"error": "model is too busy"}',
        b'{"choices": [{"message": null}]}',
        b'{"choices": "none"}',
    ],
)
@pytest.mark.parametrize("name", ["tools", "cases", "routing"])
def test_a_server_that_never_lets_a_model_answer_is_an_error_and_is_asked_again(name, said, monkeypatch):
    with chat_server(lambda _request: said) as (url, seen):
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        (row,), asked_first = one(name).rows, len(seen)
        one(name)

    assert "NoCompletion" in row.error
    assert asked_first
    assert len(seen) == 2 * asked_first, "nothing of it was cached"


def test_a_call_that_stays_without_an_answer_is_no_answer_even_if_others_had_one(monkeypatch):
    def now_and_then(request: Any) -> Any:
        if (turn := len([m for m in request["messages"] if m["role"] == "tool"])) > 0:
            return b"<html>please log in</html>"
        names = [tool["function"]["name"] for tool in request["tools"]]
        return ("find_customer", {"customer_id": "C-10001"}) if "find_customer" in names else f"{turn}"

    with chat_server(now_and_then) as (url, _seen):
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        (row,) = one("roles-worker").rows

    assert "NoCompletion" in row.error


def test_an_argument_in_a_form_that_nobody_asked_for_is_judged_and_stops_nothing(monkeypatch):
    def words(request: Any) -> tuple[str, Any]:
        form = request["tools"][0]["function"]
        return form["name"], dict.fromkeys(form["parameters"]["properties"], "text")

    with chat_server(words) as (url, _seen):
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        (suite,) = bench().chosen(names=["routing"])
        found = evaluate(Plan([suite], cases=["R-0004", "R-0005"], max_concurrency=1))

    assert [row.error for row in found.rows] == ["", ""]
    assert [row.scores["out_of_scope_score"] for row in found.rows] == [0.5, 0.5]


async def test_a_control_plane_that_is_away_is_no_end_of_the_agents_either():
    async def stop(state: RunState) -> dict[str, Any]:
        msg = "the store is away"
        raise ControlUnavailable(msg)

    g = probes._graph()
    add(g, "stop", stop)
    g.add_edge(START, "stop")
    await bench().prepare(home() / "stage")

    with pytest.raises(Unjudged, match="the store is away"):
        await asked(home() / "stage", "single", Request("Good morning."), compiled=g.compile())
