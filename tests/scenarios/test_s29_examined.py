"""Scenario 29: what doesn't answer goes one rung up, or to a person; who can't judge isn't asked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from governance.limits import Budget
from graphs.pattern import PatternError
from nodes.examine import Examination
from tests.scenarios.conftest import Office, calls, says
from tests.scenarios.front_door import front_door, patterns, picks, why
from tests.second import office

EXAMINER = office.agent("examiner", "reader", returns=Examination, model="judge")
YES = calls("Examination", answers="yes")
PARTLY = calls("Examination", answers="partly", missing="when it will be paid")


@pytest.fixture(autouse=True)
def reads_prose(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model is configured that could judge; the scripted one answers for it."""
    monkeypatch.setenv("TOWER_LOCAL_GGUF", "model.gguf")


def door(desk: Office, **more: Any) -> Any:
    return front_door(desk, examiner=EXAMINER, **more)


@pytest.mark.scenario(29)
async def test_what_an_answer_leaves_open_goes_one_rung_up(desk):
    desk.script(picks("lookup"), says("It cost 40.00."), PARTLY, says("40.00, paid on Friday."), YES)

    run = await desk.start(door(desk), "What did T-001 cost, and when is it paid?")

    assert (run.outcome["status"], run.outcome["answer"]) == ("completed", "40.00, paid on Friday.")
    assert "leaves open: when it will be paid" in run.outcome["reasons"][0]
    assert [choice["to"] for choice in await why(run)] == ["single", "handoff"]
    assert [entry["body"]["answers"] for entry in run.entries("examined")] == ["partly", "yes"]
    assert [entry["body"]["quality"] for entry in run.entries("pattern_judged")] == [0, 100]
    assert run.outcome["usage"]["model_calls"] == desk.model.calls == 5
    seen = desk.model.prompts[2].text
    assert "when is it paid?" in seen
    assert 'origin="agent"' in seen
    assert "lookup" not in seen, "the request and the answer, and nothing of how it came about"


@pytest.mark.scenario(29)
async def test_on_the_last_rung_it_never_reads_as_a_normal_answer(desk):
    jobs = (replace(office.JOBS[0], ladder=("single",)), *office.JOBS[1:])
    graphs = {name: graph for name, graph in patterns().items() if name != "handoff"}
    desk.script(picks("lookup"), says("Ask me anything."), calls("Examination", answers="no"))

    run = await desk.start(door(desk, graphs=graphs, jobs=jobs))

    assert run.outcome["status"] == "escalated"
    assert "what is missing wasn't said" in " ".join(run.outcome["reasons"])


@pytest.mark.scenario(29)
@pytest.mark.parametrize("said", [[says("I think so")] * 2, [ValueError("away")] * 2])
async def test_an_examiner_that_gives_no_verdict_stops_nobody_and_is_on_record(desk, said):
    desk.script(picks("lookup"), says("It cost 40.00."), *said)

    run = await desk.start(door(desk))

    assert run.outcome["status"] == "completed"
    assert len(run.entries("not_examined")) == 1


@pytest.mark.scenario(29)
@pytest.mark.parametrize("limits", [{"run": Budget(model_calls=2, handoffs=6)}], indirect=True)
async def test_it_is_paid_from_the_runs_budget(desk):
    desk.script(picks("lookup"), says("It cost 40.00."), YES)

    run = await desk.start(door(desk))

    assert (run.outcome["status"], desk.model.calls) == ("completed", 2)
    assert "model_calls" in str(run.entries("not_examined"))


@pytest.mark.scenario(29)
async def test_a_model_that_cannot_judge_is_not_asked(desk, monkeypatch):
    monkeypatch.delenv("TOWER_LOCAL_GGUF")
    desk.script(picks("lookup"), says("It cost 40.00."), PARTLY)

    run = await desk.start(door(desk))

    assert (run.outcome["status"], desk.model.calls) == ("completed", 2)


def test_its_verdict_is_never_read_out_of_prose(desk):
    with pytest.raises(PatternError, match="must return an Examination"):
        front_door(desk, examiner=office.A)
