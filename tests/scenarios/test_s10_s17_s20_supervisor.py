"""Scenarios 10 and 17 to 20 for the supervisor: rounds, loops, assignments in doubt and drifting ones."""

from __future__ import annotations

import pytest

from graphs.concurrent import concurrent
from graphs.pattern import PatternError
from graphs.supervisor import supervisor
from models.door import use_model
from models.scripted import Delayed, ScriptedChatModel
from nodes.assignee import Assignee
from nodes.resolve import Vote
from tests.scenarios.conftest import LENA, calls_all, says
from tests.scenarios.managed import BOSS, SMALL, assigns, finishes, flat, limit, team_of_teams, whole_story
from tests.second.assessors import DOUBT, PAST, opines
from tests.second.office import A, agent

LOOK = {"worker": "a", "task": "Look at the order T-001.", "reason": "it is their job"}
AGAIN = ["Look at order T-001.", "Please check T-001 once more.", "Examine order T-001.", "See T-001 again."]


@pytest.mark.scenario(10)
async def test_the_cap_on_rounds_ends_with_what_there_is_and_no_further_call(desk):
    team = flat(desk.saver, max_rounds=2)
    desk.script(
        assigns("a", "Look at the order T-001."), says("It cost 40.00."),
        assigns("b", "Look at the refund of T-001."), says("Nothing was refunded."),
        assigns("a", "Ask about the refund again."),
    )  # fmt: skip

    run = await desk.start(team)

    assert run.outcome["status"] == "limit_reached"
    assert run.outcome["answer"] == "It cost 40.00.\nNothing was refunded."
    assert run.outcome["undone"] == ["a: Ask about the refund again."]
    assert desk.model.calls == 5


@pytest.mark.scenario(10)
async def test_after_the_last_round_the_manager_may_still_finish(desk):
    desk.script(assigns("a"), says("It cost 40.00."), finishes("40.00"))

    run = await desk.start(flat(desk.saver, max_rounds=1))

    assert (run.outcome["status"], run.outcome["answer"]) == ("completed", "40.00")


@pytest.mark.scenario(17)
async def test_the_same_task_again_is_refused_with_its_result_and_then_a_loop(desk):
    desk.script(
        assigns("a", "Look at T-001."), says("It cost 40.00."), *[assigns("a", "look at  T-001.")] * 9
    )

    run = await desk.start(flat(desk.saver))

    assert run.outcome["status"] == "loop_detected"
    assert desk.model.calls == 4, "told once, with the result; not done twice"
    assert "was given this task before; it ended completed" in desk.model.prompts[-1].text
    assert "It cost 40.00." in run.outcome["answer"]


@pytest.mark.scenario(17)
async def test_other_words_for_the_same_task_that_find_the_same_are_a_loop(desk):
    boss = [assigns(worker, task) for task in AGAIN for worker in ("a", "b")]
    same = [says("It cost 40.00.")] * 20
    model = ScriptedChatModel(scripts={"Job of boss.": boss, "Job of a.": same, "Job of b.": same})
    use_model(model)

    run = await desk.start(flat(desk.saver))

    assert run.outcome["status"] == "loop_detected"
    assert model.calls == 6


@pytest.mark.scenario(18)
async def test_going_back_to_a_worker_with_something_new_is_no_loop(desk):
    desk.script(
        assigns("a", "Look at the order T-001."), says("It is there."),
        assigns("b", "Refund of T-001: look at it."), says("It is there."),
        assigns("a", "Look at the refund of T-002."), says("It is there."),
        finishes("Both are there."),
    )  # fmt: skip

    run = await desk.start(flat(desk.saver), "Refund T-001 and T-002 please")

    assert run.outcome["status"] == "completed"


@pytest.mark.scenario(19)
async def test_of_two_assignments_in_one_turn_the_first_is_taken_and_both_are_answered(desk):
    desk.script(
        calls_all(("Assignment", LOOK), ("Assignment", LOOK | {"worker": "b"})),
        says("40.00"),
        finishes("40.00"),
    )

    run = await desk.start(flat(desk.saver))

    assert run.outcome["status"] == "completed"
    assert [e["resource"] for e in run.entries("cleared") if e["action"] == "route"] == ["Agent::a"]


@pytest.mark.scenario(20)
async def test_an_unknown_worker_is_answered_with_the_valid_names_then_a_person_decides(desk):
    desk.script(*[assigns("nobody", "Refund T-001.")] * 3)

    run = await desk.start(flat(desk.saver))

    assert desk.model.calls == 3
    assert "there are a, b and finish" in desk.model.prompts[-1].text
    [question] = run.waiting
    await desk.plane.decide(LENA, {"approval_id": question["approval_id"], "type": "reject"})
    await run.resume()
    assert run.outcome["status"] == "failed"


@pytest.mark.scenario(20)
async def test_a_person_may_assign_instead(desk):
    desk.script(*[assigns("nobody", "Refund T-001.")] * 3, says("It cost 40.00."), finishes("40.00"))
    run = await desk.start(flat(desk.saver))
    values = '{"worker": "a", "task": "Look at T-001.", "reason": "I know them"}'
    edited = {"name": "ask_human", "args": {"step": "boss", "values": values}}
    approval = run.waiting[0]["approval_id"]

    await desk.plane.decide(LENA, {"approval_id": approval, "type": "edit", "edited_action": edited})
    await run.resume()

    assert run.outcome["status"] == "completed"
    assert desk.model.calls == 5


@pytest.mark.scenario(20)
async def test_a_worker_that_policy_forbids_is_refused_and_the_manager_told(desk):
    stranger = agent("stranger", "cashier")
    team = supervisor(BOSS, {"a": A, "stranger": stranger}).compile(
        name="supervisor", checkpointer=desk.saver
    )
    desk.script(assigns("stranger"), assigns("a"), says("40.00"), finishes("40.00"))

    run = await desk.start(team)

    assert run.outcome["status"] == "completed"
    assert [e["resource"] for e in run.entries("refused")] == ["Agent::stranger"]
    assert "refused" in desk.model.prompts[1].text


async def test_finishing_before_anybody_worked_is_no_success(desk):
    desk.script(*[finishes("All done!")] * 3)

    run = await desk.start(flat(desk.saver))

    assert run.waiting, "a person is asked"
    assert desk.model.calls == 3


async def test_a_small_refund_runs_through_three_levels_within_twenty_calls(desk):
    model = whole_story(SMALL)
    use_model(model)

    run = await desk.start(team_of_teams(desk.saver))

    assert run.outcome["status"] == "completed"
    assert [row[:2] for row in desk.refunds()] == [("T-001", 4000)]
    assert model.calls == run.outcome["usage"]["model_calls"] == 12


async def test_what_a_worker_fails_at_is_named_and_the_rest_stands(desk):
    model = ScriptedChatModel(
        scripts={
            "Job of boss.": [assigns("a"), assigns("b"), finishes("Half of it.")],
            "Job of a.": [RuntimeError("the line is dead")] * 2,
            "Job of b.": [says("It cost 40.00.")],
        }
    )
    use_model(model)
    run = await desk.start(flat(desk.saver))

    # The step of the agent that failed asks a person first.
    await desk.plane.decide(LENA, {"approval_id": run.waiting[0]["approval_id"], "type": "reject"})
    await run.resume()

    assert run.outcome["status"] == "partial"
    assert run.outcome["undone"] == ["a"]
    assert "the line is dead" in " ".join(run.outcome["reasons"])
    assert run.outcome["answer"] == "Half of it."


async def test_isolated_workers_see_their_task_and_named_results_and_no_more(desk):
    workers = {
        "a": A,
        "b": Assignee(agent("b", "cashier"), sees=("a",)),
        "c": Assignee(agent("c", "cashier"), context="shared"),
    }
    team = supervisor(BOSS, workers).compile(name="supervisor", checkpointer=desk.saver)
    desk.script(
        assigns("a", "Look at T-001."), says("It cost 40.00."),
        assigns("b", "Refund of T-001: is it due?"), says("It is due."),
        assigns("c"), says("Fine."), finishes(),
    )  # fmt: skip

    await desk.start(team, "Refund T-001 please, said the fox")

    a, b, c = (next(p for p in desk.model.prompts if f"Job of {name}." in p.text).text for name in "abc")
    assert "the fox" not in a + b
    assert "Look at T-001." in a
    assert "It cost 40.00." in b
    assert "the fox" in c
    assert "It is due." in c


async def test_of_a_worker_that_failed_the_others_hear_why_and_no_leftovers(desk):
    panel = concurrent([PAST, DOUBT], resolve=[Vote()]).compile(name="panel")
    workers = {
        "panel": Assignee(panel, job="Vote."),
        "b": Assignee(agent("b", "cashier"), sees=("panel",)),
        "c": Assignee(agent("c", "cashier"), context="shared"),
    }
    team = supervisor(BOSS, workers).compile(name="supervisor", checkpointer=desk.saver)
    scripts = {
        "Job of boss.": [assigns("panel"), assigns("b", "Look at T-001."), assigns("c"), finishes()],
        "Job of past.": [opines("refund", why="<iban:0123456789ab> paid")],
        "Job of doubt.": [RuntimeError("the line is dead")] * 2,
        **{f"Job of {name}.": [says("Noted.")] for name in "bc"},
    }
    model = ScriptedChatModel(scripts=scripts)
    use_model(model)

    run = await desk.start(team, "Refund T-001 please")

    assert run.outcome["status"] == "partial"
    told = [prompt.text for prompt in model.prompts if prompt.key[7:-1] in ("boss", "b", "c")][1:]
    assert len(told) == 5
    assert all("doubt: ModelFailed" in text and "the line is dead" in text for text in told)
    assert not [text for text in told if "<iban:" in text]


async def test_a_worker_that_takes_too_long_is_cut_off_and_named(desk):
    slow = Delayed(20, says("at last"))
    scripts = {
        "Job of boss.": [assigns("a"), assigns("b"), finishes("b has it.")],
        "Job of a.": [slow], "Job of b.": [says("It cost 40.00.")],
    }  # fmt: skip
    use_model(ScriptedChatModel(scripts=scripts))
    limit(desk, "a", seconds=0.2)

    run = await desk.start(flat(desk.saver))

    assert run.outcome["status"] == "partial"
    assert "a did not end within 0.2 s" in " ".join(run.outcome["reasons"])


async def test_a_workers_own_budget_holds_for_all_who_work_for_it(desk):
    use_model(whole_story(SMALL))
    limit(desk, "team", model_calls=3)

    run = await desk.start(team_of_teams(desk.saver))

    assert run.outcome["status"] == "budget_exhausted"
    assert "worker:" in " ".join(run.outcome["reasons"])
    assert desk.refunds() == []


def test_what_makes_no_team_is_refused_when_it_is_built():
    with pytest.raises(PatternError, match="must return an Assignment"):
        supervisor(A, {"b": agent("x", "cashier")})
    with pytest.raises(PatternError, match="give it a job"):
        supervisor(BOSS, {"team": team_of_teams()})
    with pytest.raises(PatternError, match="sees names no worker"):
        supervisor(BOSS, {"a": Assignee(A, sees=("z",))})


async def test_a_persons_answer_to_one_task_never_answers_another(desk):
    model = ScriptedChatModel(
        scripts={
            "Job of boss.": [
                assigns("a", "Look at the order T-001."),
                assigns("a", "Look at T-002."),
                finishes(),
            ],
            "Job of a.": [RuntimeError("the line is dead")] * 4,
        }
    )
    use_model(model)
    run = await desk.start(flat(desk.saver), "Refund T-001 and T-002 please")
    first = run.waiting[0]
    edited = {
        "name": "ask_human",
        "args": first["action_requests"][0]["args"] | {"values": '{"answer": "40.00"}'},
    }

    await desk.plane.decide(
        LENA, {"approval_id": first["approval_id"], "type": "edit", "edited_action": edited}
    )
    await run.resume()

    assert [asked["approval_id"] for asked in run.waiting] != [first["approval_id"]]
    assert run.waiting[0]["path"].startswith("a/1/")
