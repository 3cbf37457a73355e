"""A person stands where an agent stands: asked in the inbox, held to schema and check, with a deputy."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from pydantic import BaseModel

from governance.control import ControlPlane, use_control
from governance.errors import Denied
from governance.limits import Person
from governance.principals import User
from graphs.concurrent import concurrent
from graphs.direct import direct
from graphs.group_chat import maker_checker
from graphs.handoff import handoff
from graphs.sequential import sequential
from graphs.supervisor import supervisor
from models.door import use_model
from models.scripted import ScriptedChatModel
from nodes.finding import Review
from nodes.human_agent import HumanAgent
from nodes.resolve import Vote
from nodes.step import Step
from tests.matrix.crews import Handbook
from tests.scenarios.conftest import LENA, Office, Run, calls, says
from tests.scenarios.managed import BOSS, assigns, finishes
from tests.second.assessors import RULES, Opinion, opines
from tests.second.office import STEPS, A, Facts, agent, facts_agree

DORA = User("dora", "harbor", frozenset({"deputy-lead"}))
RITA = User("rita", "harbor", frozenset({"customer-agent"}))
YES = {"refund": True, "reason": "it was cancelled"}
READS = HumanAgent("read", job="Write down what the customer wants refunded.", returns=Facts)


class SignOff(BaseModel):
    """Whether it is fine as it is."""

    agreed: bool = True
    remark: str = ""


EXPERT = HumanAgent("expert", job="Say whether it is fine.", returns=SignOff)


@dataclass
class Clock:
    now: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))

    def __call__(self) -> dt.datetime:
        return self.now


@pytest.fixture
def clock(desk: Office) -> Clock:
    """A clock that the test moves, and people who answer within four hours."""
    clock, plane = Clock(), desk.plane
    people = {name: Person(("claims-lead",), hours=4, deputy=("deputy-lead",)) for name in ("read", "expert")}
    limits = replace(plane.limits, people=people)
    desk.plane = ControlPlane(plane.settings, plane.store, plane.policy, limits, plane.vault, clock)
    use_control(desk.plane)
    return clock


def fills(run: Run, values: Any) -> dict[str, Any]:
    """The answer to the only open question."""
    [question] = run.waiting
    args = question["action_requests"][0]["args"] | {"values": json.dumps(values)}
    edited = {"name": "ask_human", "args": args}
    return {"approval_id": question["approval_id"], "type": "edit", "edited_action": edited}


def chain(desk: Office) -> Any:
    """The office's chain with a person as its reader."""
    steps = [Step(READS, check=facts_agree), *STEPS[1:]]
    return sequential(steps).compile(name="sequential", checkpointer=desk.saver)


async def test_a_person_reads_in_a_chain_and_the_rest_goes_on(desk, clock):
    desk.script(calls("Verdict", **YES))
    run = await desk.start(chain(desk))
    shown = run.waiting[0]["action_requests"][0]["description"]
    assert "Refund T-001" in shown
    assert "order_id" in shown

    await desk.plane.decide(LENA, fills(run, {"order_id": "T-001", "amount": 4000}))
    await run.resume()

    assert run.outcome["status"] == "completed"
    assert [row[:2] for row in desk.refunds()] == [("T-001", 4000)]
    assert [e["body"]["approved_by"] for e in run.entries("cleared") if e["action"] == "ask_human"] == [
        "lena"
    ]


async def test_what_doesnt_fit_is_asked_about_again_and_what_contradicts_the_records_is_stopped(desk, clock):
    run = await desk.start(chain(desk))

    for wrong in ({"order_id": "none"}, {"order_id": "T-001", "amount": 9999}):
        first = run.waiting[0]["approval_id"]
        await desk.plane.decide(LENA, fills(run, wrong))
        await run.resume()
        assert run.waiting[0]["approval_id"] != first

    assert run.entries("invalid_output")
    assert run.entries("contradiction")
    assert "cost 4000" in run.waiting[0]["action_requests"][0]["description"]
    assert desk.refunds() == []


async def test_three_answers_that_dont_fit_leave_it_to_the_steps_next_in_line(desk, clock):
    run = await desk.start(chain(desk))

    for _ in range(3):
        await desk.plane.decide(LENA, fills(run, {"order_id": "none"}))
        await run.resume()

    assert "gave no valid answer in 3 tries" in run.waiting[0]["action_requests"][0]["description"]


async def test_only_whoever_is_named_may_answer(desk, clock):
    run = await desk.start(chain(desk))

    for wrong in (DORA, RITA, User("sam", "harbor", frozenset({"claims-lead"}))):
        with pytest.raises(Denied):
            await desk.plane.decide(wrong, fills(run, {"order_id": "T-001", "amount": 4000}))

    await run.resume()
    assert run.waiting, "the very same question still waits"


async def test_the_deputy_is_asked_after_the_deadline_and_then_it_is_a_no(desk, clock):
    run = await desk.start(chain(desk))
    first = fills(run, {"order_id": "T-001", "amount": 4000})

    clock.now += dt.timedelta(hours=5)
    await run.resume()
    second = fills(run, {"order_id": "T-001", "amount": 4000})
    assert first["approval_id"] != second["approval_id"]
    with pytest.raises(Denied):
        await desk.plane.decide(LENA, second)

    clock.now += dt.timedelta(hours=5)
    await run.resume()
    assert run.outcome["status"] == "rejected"
    assert "nobody answered" in " ".join(run.outcome["reasons"])
    assert desk.refunds() == []


async def test_the_deputy_may_answer_in_time(desk, clock):
    desk.script(calls("Verdict", **YES))
    run = await desk.start(chain(desk))
    clock.now += dt.timedelta(hours=5)
    await run.resume()

    await desk.plane.decide(DORA, fills(run, {"order_id": "T-001", "amount": 4000}))
    await run.resume()

    assert run.outcome["status"] == "completed"
    assert [row[:2] for row in desk.refunds()] == [("T-001", 4000)]


async def test_a_person_is_a_supervisors_worker_and_says_yes_as_it_stands(desk, clock):
    team = supervisor(BOSS, {"a": A, "expert": EXPERT}).compile(name="supervisor", checkpointer=desk.saver)
    task = "Say whether the refund of T-001 is fine."
    desk.script(assigns("a", "Look at T-001."), says("It cost 40.00."), assigns("expert", task), finishes())
    run = await desk.start(team)
    [question] = run.waiting
    assert question["path"] == "expert/0/expert/0"
    assert task in question["action_requests"][0]["description"]

    await desk.plane.decide(LENA, {"approval_id": question["approval_id"], "type": "approve"})
    await run.resume()

    assert run.outcome["status"] == "completed"
    assert run.outcome["result"]["expert"] == {"expert": {"agreed": True, "remark": ""}}
    assert desk.model.calls == 4


async def test_a_person_takes_over_in_a_handoff_and_answers_in_words(desk, clock):
    person = HumanAgent("expert", job="Answer what no agent can.")
    team = handoff([A, person], edges={"a": ["expert"]}).compile(name="handoff", checkpointer=desk.saver)
    desk.script(calls("transfer_to_expert"))
    run = await desk.start(team)

    await desk.plane.decide(LENA, fills(run, {"answer": "We pay it back."}))
    await run.resume()

    assert (run.outcome["status"], run.outcome["answer"]) == ("completed", "We pay it back.")
    assert desk.model.calls == 1


async def test_the_waiting_is_no_working_time(desk, clock):
    use_model(ScriptedChatModel(scripts={"Job of judge.": [calls("Verdict", **YES)]}))
    limits = replace(desk.plane.limits, times=replace(desk.plane.limits.times, run_seconds=60))
    plane = desk.plane
    desk.plane = ControlPlane(plane.settings, plane.store, plane.policy, limits, plane.vault, clock)
    use_control(desk.plane)
    run = await desk.start(chain(desk))
    clock.now += dt.timedelta(hours=3)

    await desk.plane.decide(LENA, fills(run, {"order_id": "T-001", "amount": 4000}))
    await run.resume()

    assert run.outcome["status"] == "completed"


async def test_a_person_is_a_branch_and_the_join_waits_for_them(desk, clock):
    person = HumanAgent("expert", job="Say what you know of it.", returns=Opinion)
    team = concurrent([RULES, person], resolve=[Vote()]).compile(name="concurrent", checkpointer=desk.saver)
    desk.script(opines("refund"))
    run = await desk.start(team)
    assert desk.model.calls == 1

    said = opines("refund").tool_calls[0]["args"]
    await desk.plane.decide(LENA, fills(run, said))
    await run.resume()

    assert run.outcome["status"] == "completed"
    assert desk.model.calls == 1, "the other branch did not look again"


@pytest.mark.parametrize("checks", [True, False], ids=["checker", "maker"])
async def test_a_person_makes_or_checks_a_draft_in_a_group(desk, clock, checks):
    if checks:
        person = HumanAgent("expert", job="Say what is wrong with it.", returns=Review)
        team, line = maker_checker(agent("maker", "reader", returns=SignOff), [person]), calls("SignOff")
        answer = {"verdict": "satisfied", "findings": []}
    else:
        team = maker_checker(EXPERT, [agent("law", "reader", returns=Review)])
        line, answer = calls("Review", verdict="satisfied", findings=[]), {"agreed": True, "remark": "fine"}
    desk.script(line)
    run = await desk.start(team.compile(name="handoff", checkpointer=desk.saver))

    await desk.plane.decide(LENA, fills(run, answer))
    await run.resume()

    assert (run.outcome["status"], run.outcome["result"]["status"]) == ("completed", "satisfied")
    assert desk.model.calls == 1
    routed = [e["body"] for e in run.entries("cleared") if e["action"] == "route"]
    assert len(routed) == 2


async def test_a_person_answers_from_what_the_documents_say(desk, clock):
    person = HumanAgent("expert", job="Answer from the handbook.")
    team = direct(person, retriever=Handbook(), least=0.5)
    run = await desk.start(team.compile(name="handoff", checkpointer=desk.saver), "How long do refunds take?")
    shown = run.waiting[0]["action_requests"][0]["description"]
    assert "Refunds take three days." in shown

    await desk.plane.decide(LENA, fills(run, {"answer": "Three days."}))
    await run.resume()

    assert (run.outcome["status"], run.outcome["answer"]) == ("completed", "Three days.")
    assert desk.model.calls == 0
