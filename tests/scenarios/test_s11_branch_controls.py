"""A fan-out under budget, policy and people: what a control says, no quorum outweighs."""

from __future__ import annotations

import json

import pytest
from langgraph.types import Command

from governance.errors import Denied
from governance.limits import ApprovalRules, Budget
from governance.principals import User
from graphs.concurrent import concurrent
from nodes.admission import Admission
from nodes.human_agent import HumanAgent
from nodes.resolve import Arbiter, AskHuman, HighestAuthority, Vote
from nodes.step import Step
from tests.scenarios.assessed import (
    BROKEN,
    CHAIN,
    FOUR,
    LEAD,
    say,
    team,
    tied,
)
from tests.scenarios.conftest import LENA, calls
from tests.second import office
from tests.second.assessors import ARBITER, DOUBT, MONEY, PAST, RULES, Opinion, assessor, opines
from tests.second.killed import PAYS
from tests.second.office import IBANS


async def test_two_branches_may_wait_for_a_person_and_nobody_else_runs_again(desk, monkeypatch):
    """Each wakes up alone; the join waits for both, and what was done is done once."""
    twice = Admission(office.Customers(), {"concurrent": {"refund": 2}})
    monkeypatch.setattr(office, "ADMISSION", twice)
    token = await desk.plane.vault.token("harbor", "iban", IBANS["ann"])
    big = calls("refund", order_id="T-002", amount=90_000, iban=token)
    other = calls("refund", order_id="T-002", amount=80_000, iban=token)
    model = say(pays=[big, opines("refund")], spends=[other, opines("refund")], past=[opines("refund")])
    graph = team(desk, PAYS, assessor("spends", "cashier"), PAST, quorum="all")
    run = await desk.start(graph)
    first, second = run.state["__interrupt__"]

    for answered, waiting in ((first, 1), (second, 0)):
        answer = {"approval_id": answered.value["approval_id"], "type": "approve"}
        await desk.plane.decide(LENA, answer)
        await run.go(Command(resume={answered.id: "woken"}))
        assert len(run.waiting) == waiting

    assert run.outcome["status"] == "completed"
    assert sorted(row[1] for row in desk.refunds()) == [80_000, 90_000]
    assert model.calls == 5, "two by each who waited, one by who didn't"


@pytest.mark.scenario(11)
@pytest.mark.parametrize("limits", [{"run": Budget(model_calls=3)}], indirect=True)
async def test_six_branches_cannot_outspend_three_calls_and_nobody_else_is_asked(desk):
    names = [f"n{number}" for number in range(6)]
    said = {name: [opines("refund" if name in names[:3] else "refuse")] for name in names}
    model = say(**said, arbiter=[opines("refuse")])
    members = [assessor(name) for name in names]

    run = await desk.start(team(desk, *members, resolve=[Vote(), Arbiter(ARBITER), LEAD], quorum=3))

    assert model.calls == 3
    assert run.outcome["status"] == "budget_exhausted"
    assert len(run.outcome["undone"]) == 3
    assert len(run.outcome["result"]["verdicts"]) == 3
    assert not run.waiting


async def test_what_policy_denies_a_branch_no_quorum_outweighs(desk):
    stranger = assessor("stranger", "nobody")
    say(rules=[opines("refund")], money=[opines("refund")], stranger=[opines("refund")])

    run = await desk.start(team(desk, RULES, MONEY, stranger))

    assert run.outcome["status"] == "denied"
    assert run.outcome["undone"] == ["stranger"]
    assert run.outcome["result"]["choice"] == "refund", "it can still be read"


async def test_once_a_control_has_stopped_a_branch_nobody_else_is_asked(desk):
    stranger = assessor("stranger", "nobody")
    model = say(rules=[opines("refund")], money=[opines("refuse")], arbiter=[opines("refuse")])

    run = await desk.start(team(desk, RULES, MONEY, stranger, resolve=[Vote(), Arbiter(ARBITER), LEAD]))

    assert run.outcome["status"] == "denied"
    assert model.calls == 2
    assert not run.waiting


async def test_a_write_that_was_refused_on_the_way_is_in_the_outcome(desk):
    token = await desk.plane.vault.token("harbor", "iban", IBANS["bob"])
    foreign = calls("refund", order_id="T-001", amount=4000, iban=token)
    say(pays=[foreign, opines("refund")], money=[opines("refund")], past=[opines("refund")])

    run = await desk.start(team(desk, PAYS, MONEY, PAST))

    assert run.outcome["status"] == "denied"
    assert desk.refunds() == []
    assert len(run.outcome["result"]["verdicts"]) == 3


async def test_a_fallback_agent_takes_over_and_the_branch_keeps_its_name(desk):
    say(
        rules=[calls("Opinion", choice="perhaps")] * 3, doubt=[opines("refund", 61)], money=[opines("refund")]
    )

    run = await desk.start(team(desk, Step(RULES, fallback=DOUBT), MONEY))

    assert run.outcome["status"] == "completed"
    assert run.outcome["result"]["verdicts"]["rules"]["confidence"] == 61
    assert len(run.entries("invalid_output")) == 3


BOTH = {"approvals": ApprovalRules(roles=("claims-lead", "boss"))}


@pytest.mark.parametrize("limits", [BOTH], indirect=True)
async def test_only_the_role_that_is_asked_may_answer(desk):
    tied()
    run = await desk.start(team(desk, *FOUR, resolve=[Vote(), LEAD]))
    answer = {"approval_id": run.waiting[0]["approval_id"], "type": "approve"}

    with pytest.raises(Denied, match="it takes the role claims-lead"):
        await desk.plane.decide(User("bob", "harbor", frozenset({"boss"})), answer)

    await desk.plane.decide(LENA, answer)
    await run.resume()
    assert run.outcome["status"] == "completed"


async def test_a_role_that_may_not_answer_is_not_asked(desk):
    tied()

    run = await desk.start(team(desk, *FOUR, resolve=[Vote(), AskHuman(role="janitor")]))

    assert run.outcome["status"] == "escalated"
    assert "limits.toml lets only claims-lead answer" in str(run.outcome["reasons"])
    assert await desk.plane.pending("harbor") == []


async def test_a_nested_teams_question_surfaces_and_its_siblings_are_not_run_again(desk):
    model = tied(arbiter=BROKEN, n1=[opines("refuse")], n2=[opines("refund")])
    inner = concurrent(FOUR, **CHAIN).compile(name="inner")
    run = await desk.start(
        team(desk, inner, assessor("n1"), assessor("n2"), quorum="all", resolve=[HighestAuthority(["inner"])])
    )
    before = model.calls

    await desk.plane.decide(LENA, {"approval_id": run.waiting[0]["approval_id"], "type": "approve"})
    await run.resume()

    assert run.outcome["status"] == "completed"
    assert run.outcome["result"]["choice"] == "refuse"
    assert [each["branch"] for each in run.outcome["dissent"]] == ["n2", "rules", "money"]
    assert model.calls == before


async def test_a_nested_team_without_a_verdict_is_an_absence(desk):
    tied(n1=[opines("refuse")], n2=[opines("refuse")])
    inner = concurrent(FOUR, resolve=[Vote()]).compile(name="inner")

    run = await desk.start(team(desk, inner, assessor("n1"), assessor("n2")))

    assert run.outcome["status"] == "partial"
    assert run.outcome["result"]["absent"][0]["status"] == "escalated"
    assert run.outcome["result"]["choice"] == "refuse"


async def test_a_person_may_be_one_of_the_team(desk):
    judge = HumanAgent("judge", job="Say what you think.", returns=Opinion)
    say(rules=[opines("refund")], money=[opines("refund")])
    run = await desk.start(team(desk, RULES, MONEY, judge, quorum="all"))
    asked = run.waiting[0]
    args = asked["action_requests"][0]["args"]
    said = opines("refuse", 70).tool_calls[0]["args"]
    edited = {"name": "ask_human", "args": {**args, "values": json.dumps(said)}}

    await desk.plane.decide(
        LENA, {"approval_id": asked["approval_id"], "type": "edit", "edited_action": edited}
    )
    await run.resume()

    assert run.outcome["status"] == "completed", run.outcome["reasons"]
    assert [each["branch"] for each in run.outcome["dissent"]] == ["judge"]
