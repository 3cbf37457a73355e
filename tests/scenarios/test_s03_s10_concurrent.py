"""Scenarios 3 to 10 for a fan-out: nobody's verdict is lost, and none that is missing goes unnamed."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command

from governance.errors import ControlUnavailable, Denied
from governance.limits import ApprovalRules, Budget, Limits, load_limits
from governance.principals import User
from graphs.concurrent import concurrent
from memory.checkpoints import open_checkpointer
from models.door import use_model
from models.scripted import Delayed, Script, ScriptedChatModel
from nodes.admission import Admission
from nodes.human_agent import HumanAgent
from nodes.resolve import Arbiter, AskHuman, HighestAuthority, Vote
from nodes.step import Step
from tests.scenarios.conftest import LENA, Office, Run, calls
from tests.second import office
from tests.second.assessors import ARBITER, DOUBT, MONEY, PAST, RULES, Opinion, assessor, opines
from tests.second.killed import PAYS, crew, script
from tests.second.office import IBANS, Ledger

Graph = CompiledStateGraph[Any, Any, Any, Any]
LEAD = AskHuman(role="claims-lead")
A_MOMENT = timedelta(seconds=1)  # enough for a branch that has nothing to wait for


def team(desk: Office, *agents: Any, **knobs: Any) -> Graph:
    knobs = {"resolve": [Vote()], "quorum": 2} | knobs
    return concurrent(agents or [RULES, MONEY, PAST], **knobs).compile(
        name="concurrent", checkpointer=desk.saver
    )


def say(**scripts: Script) -> ScriptedChatModel:
    """Let each agent say its own lines."""
    model = ScriptedChatModel(scripts={f"Job of {name}.": script for name, script in scripts.items()})
    use_model(model)
    return model


@pytest.fixture
def limits(request: pytest.FixtureRequest) -> Limits:
    """The ticket office's limits, and what a test has otherwise."""
    return replace(load_limits(folder=office.PROMPTS / "policies"), **getattr(request, "param", {}))


BROKEN = [RuntimeError("the provider is away")] * 2


@pytest.mark.scenario(3)
async def test_a_branch_that_raises_is_named_and_the_others_count(desk):
    say(rules=[opines("refund")], money=BROKEN, past=[opines("refund")])

    run = await desk.start(team(desk))

    assert run.outcome["status"] == "partial"
    assert run.outcome["undone"] == ["money"]
    assert "the provider is away" in str(run.outcome["reasons"])
    assert list(run.outcome["result"]["verdicts"]) == ["rules", "past"]
    assert run.outcome["result"]["choice"] == "refund"
    assert [entry["body"]["branch"] for entry in run.entries("branch_absent")] == ["money"]


@pytest.mark.scenario(3)
async def test_an_error_that_nobody_foresaw_is_an_absence_too(desk):
    async def broken(*_: Any) -> Sequence[str]:
        msg = "a bug"
        raise KeyError(msg)

    say(rules=[opines("refund")], money=[opines("refund")], past=[opines("refund")])

    run = await desk.start(team(desk, RULES, Step(MONEY, check=broken), PAST))

    assert run.outcome["status"] == "partial"
    assert run.outcome["result"]["absent"][0]["error"] == "KeyError"


@pytest.mark.scenario(4)
async def test_below_the_quorum_it_fails_and_keeps_what_there_is(desk):
    say(rules=[opines("refund", 91)], money=BROKEN, past=[opines("refund", 92)])

    run = await desk.start(team(desk, quorum="all"))

    assert run.outcome["status"] == "failed"
    assert run.outcome["answer"] == ""
    kept = run.outcome["result"]["verdicts"]
    assert {name: verdict["confidence"] for name, verdict in kept.items()} == {"rules": 91, "past": 92}
    stored = (await desk.plane.record(run.id)).outcome
    assert stored["result"]["verdicts"] == kept


ROOT = Path(__file__).parent.parent.parent


async def refunds_first(desk: Office) -> Script:
    token = await desk.plane.vault.token("harbor", "iban", IBANS["ann"])
    return [calls("refund", order_id="T-001", amount=4000, iban=token), opines("refund")]


@pytest.mark.scenario(5)
async def test_after_a_crash_only_unfinished_branches_run(desk):
    """The control plane goes away under B, which stops the run as a crash does; A is done by then."""
    model = say(
        pays=await refunds_first(desk),
        money=[Delayed(0.2, opines("refund")), opines("refund")],
        past=[opines("refund")],
    )
    graph = team(desk, PAYS, MONEY, PAST)
    plane, settle = desk.plane, desk.plane.settle

    async def away(clearance: Any, *args: Any, **more: Any) -> None:
        if clearance.act.actor.agent.name == "money":
            msg = "the control database is away"
            raise ControlUnavailable(msg)
        await settle(clearance, *args, **more)

    plane.settle = away
    with pytest.raises(ControlUnavailable):
        await desk.start(graph)
    plane.settle = settle
    before = model.calls
    thread = next(iter(desk.saver.storage))
    (record,) = await plane.runs()
    run = Run(desk, graph, {"configurable": {"thread_id": thread, "tower_run": record.run.id}}, record.run.id)
    await plane.store.transact(lambda tx: tx.execute("UPDATE journal SET lease = '' WHERE state = 'open'"))

    await run.go(None)

    assert run.outcome["status"] == "completed"
    assert [row[:2] for row in desk.refunds()] == [("T-001", 4000)]
    asked = [prompt.key for prompt in model.prompts[before:]]
    assert asked == ["Job of money."], "the others' verdicts were kept"


@pytest.mark.scenario(5)
async def test_a_killed_process_leaves_one_effect_and_only_unfinished_branches_to_run(desk):
    killed = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-m", "tests.second.killed"], cwd=ROOT, check=False, timeout=60
    )
    assert killed.returncode == -signal.SIGKILL
    assert [row[:2] for row in desk.refunds()] == [("T-001", 4000)]
    token = await desk.plane.vault.token("harbor", "iban", IBANS["ann"])
    model = ScriptedChatModel(scripts=script(token))
    use_model(model)
    (record,) = await desk.plane.runs()
    config = {"configurable": {"thread_id": "t-1", "tower_run": record.run.id}}

    async with open_checkpointer(desk.plane.settings.url("checkpoints")) as saver:
        run = Run(desk, crew().compile(name="concurrent", checkpointer=saver), config, record.run.id)
        await run.go(None)

    assert run.outcome["status"] == "completed"
    assert [row[:2] for row in desk.refunds()] == [("T-001", 4000)]
    assert [prompt.key for prompt in model.prompts] == ["Job of money."]


@pytest.mark.scenario(6)
async def test_a_branch_past_its_time_is_cancelled(desk):
    say(rules=[opines("refund")], money=[Delayed(60, opines("refuse"))], past=[opines("refund")])

    run = await desk.start(team(desk, branch_timeout=A_MOMENT))

    assert run.outcome["status"] == "partial"
    assert run.outcome["result"]["absent"][0]["error"] == "TimeoutError"
    attempts = [entry for entry in run.entries("failed") if entry["actor"] == "money"]
    assert len(attempts) == 1, "the attempt is written down, so its reservation isn't held for ever"
    usage = (await desk.plane.usage(run.id))["agents"]["money"]
    assert usage["model_calls"] == 1
    assert usage["tokens"] == 0


@pytest.mark.scenario(6)
async def test_a_late_result_is_discarded_and_audited(desk):
    async def stubborn(*_: Any) -> Sequence[str]:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            return []  # what should have ended gives its result all the same
        return []

    say(rules=[opines("refund")], money=[opines("refuse", 99)], past=[opines("refund")])

    run = await desk.start(team(desk, RULES, Step(MONEY, check=stubborn), PAST, branch_timeout=A_MOMENT))

    assert run.outcome["undone"] == ["money"]
    assert "money" not in run.outcome["result"]["verdicts"]
    (late,) = run.entries("late_result")
    assert late["body"]["discarded"]["confidence"] == 99


@pytest.mark.scenario(6)
async def test_a_started_effect_is_carried_through_when_its_branch_is_cancelled(desk, monkeypatch):
    begun = asyncio.Event()
    write = Ledger.run

    async def slow(self: Ledger, work: Callable[..., Any]) -> Any:
        begun.set()
        await asyncio.sleep(1.5)
        return await write(self, work)

    monkeypatch.setattr(Ledger, "run", slow)
    say(pays=await refunds_first(desk), money=[opines("refund")], past=[opines("refund")])

    run = await desk.start(team(desk, PAYS, MONEY, PAST, branch_timeout=A_MOMENT))

    assert begun.is_set()
    assert run.outcome["undone"] == ["pays"]
    assert [row[:2] for row in desk.refunds()] == [("T-001", 4000)]
    settled = [entry for entry in run.entries("settled") if entry["action"] == "refund"]
    assert len(settled) == 1, "its result is written too, before the run ends"


class Watched:
    """Verdicts that take a while, and how many were in the making at once."""

    def __init__(self, least: int) -> None:
        self.now = self.most = 0
        self.least = least
        self.enough = asyncio.Event()

    async def check(self, *_: Any) -> Sequence[str]:
        self.now += 1
        self.most = max(self.most, self.now)
        if self.now >= self.least:
            self.enough.set()
        async with asyncio.timeout(5):
            await self.enough.wait()
        for _turn in range(20):  # long enough for one more to slip in, if it could
            await asyncio.sleep(0)
        self.now -= 1
        return []


TEN = [f"m{number}" for number in range(9, -1, -1)]


@pytest.mark.scenario(7)
@pytest.mark.parametrize(("knob", "given", "most"), [(3, None, 3), (10, 3, 3), (2, 4, 4)])
async def test_never_more_than_so_many_at_work_and_the_order_is_the_teams(desk, knob, given, most):
    watched = Watched(most)
    say(**{name: [opines("refund")] for name in TEN})
    members = [Step(assessor(name), check=watched.check) for name in TEN]
    graph = team(desk, *members, quorum="all", max_concurrency=knob)
    if given:
        graph = graph.with_config(max_concurrency=given)

    run = await desk.start(graph)

    assert watched.most == most
    assert run.outcome["status"] == "completed"
    assert list(run.outcome["result"]["verdicts"]) == TEN


@pytest.mark.scenario(7)
async def test_a_nested_team_takes_its_places_from_its_parents_limit(desk):
    watched = Watched(2)
    names = ["a1", "a2", "a3", "b1", "b2", "b3"]
    say(**{name: [opines("refund")] for name in names}, rules=[opines("refund")])
    inner = [
        concurrent(
            [Step(assessor(name), check=watched.check) for name in names if name[0] == letter],
            resolve=[Vote()],
            max_concurrency=9,
        ).compile(name=f"team_{letter}")
        for letter in "ab"
    ]

    run = await desk.start(team(desk, *inner, RULES, quorum="all", max_concurrency=2))

    assert watched.most == 2
    assert run.outcome["status"] == "completed"
    assert list(run.outcome["result"]["verdicts"]) == ["team_a", "team_b", "rules"]
    assert len(run.outcome["evidence"]) == 7


async def test_four_branches_overlap(desk):
    watched = Watched(4)
    agents = (RULES, MONEY, PAST, DOUBT)
    model = say(**{agent.name: [opines("refund")] for agent in agents})

    await desk.start(team(desk, *(Step(agent, check=watched.check) for agent in agents)))

    assert watched.most == 4
    assert model.calls == 4


def tied(**more: Script) -> ScriptedChatModel:
    return say(
        rules=[opines("refund", 70, why="the rules allow it")],
        money=[opines("refund", 75)],
        past=[opines("refuse", 90, why="it was refunded before")],
        doubt=[opines("refuse", 60)],
        **more,
    )


FOUR = (RULES, MONEY, PAST, DOUBT)
CHAIN = {"resolve": [Vote(), Arbiter(ARBITER), LEAD], "quorum": "all"}


@pytest.mark.scenario(8)
async def test_a_tie_goes_to_the_arbiter_who_is_asked_once(desk):
    model = tied(arbiter=[opines("refuse", 66, why="once is enough")])

    run = await desk.start(team(desk, *FOUR, **CHAIN))

    assert run.outcome["status"] == "completed"
    assert run.outcome["result"]["choice"] == "refuse"
    assert run.outcome["result"]["settled_by"] == "arbiter"
    assert [prompt.key for prompt in model.prompts].count("Job of arbiter.") == 1
    shown = model.prompts[-1].text
    assert "seen: the rules allow it" in shown
    assert "seen: it was refunded before" in shown
    assert [each["branch"] for each in run.outcome["dissent"]] == ["rules", "money"]
    routes = [entry for entry in run.entries("cleared") if entry["action"] == "route"]
    assert len(routes) == 1, "who decides is a routing decision, and cleared"


@pytest.mark.scenario(8)
@pytest.mark.parametrize(
    "arbiter",
    [[opines("look")], BROKEN, [calls("Opinion", choice="perhaps")] * 3],
    ids=["new", "broken", "invalid"],
)
async def test_still_tied_a_person_gets_both_positions_with_their_evidence(desk, arbiter):
    model = tied(arbiter=arbiter)
    run = await desk.start(team(desk, *FOUR, **CHAIN))

    (asked,) = run.waiting
    shown = asked["action_requests"][0]["description"]
    assert "seen: the rules allow it" in shown
    assert "seen: it was refunded before" in shown
    assert [task.name for task in (await run.graph.aget_state(run.config)).tasks] == ["ask_human"]
    before = model.calls
    await run.resume()
    assert run.waiting, "a resume without a decision on record is only a wake-up"
    await desk.plane.decide(
        LENA, {"approval_id": asked["approval_id"], "type": "approve", "message": "goodwill"}
    )
    await run.resume()

    assert run.outcome["status"] == "completed"
    assert run.outcome["result"]["choice"] == "refuse", "two each; these are surer"
    assert run.outcome["result"]["settled_by"] == "claims-lead lena"
    assert model.calls == before


@pytest.mark.scenario(8)
async def test_a_persons_edit_takes_another_choice_and_nonsense_is_asked_again(desk):
    tied(arbiter=BROKEN)
    run = await desk.start(team(desk, *FOUR, **CHAIN))

    for values in ("perhaps", "perhaps", json.dumps({"choice": "look"})):
        asked = run.waiting[0]
        edited = {"name": "ask_human", "args": {"step": "ask_human", "values": values}}
        answer = {"approval_id": asked["approval_id"], "type": "edit", "edited_action": edited}
        await desk.plane.decide(LENA, answer)
        await run.resume()

    assert run.outcome["result"]["choice"] == "look"
    assert len(run.outcome["dissent"]) == 4
    assert run.outcome["status"] == "completed"


@pytest.mark.scenario(8)
async def test_a_persons_no_ends_it_as_rejected_with_all_verdicts_kept(desk):
    tied(arbiter=BROKEN)
    run = await desk.start(team(desk, *FOUR, **CHAIN))

    await desk.plane.decide(LENA, {"approval_id": run.waiting[0]["approval_id"], "type": "reject"})
    await run.resume()

    assert run.outcome["status"] == "rejected"
    assert "choice" not in run.outcome["result"]
    assert len(run.outcome["result"]["verdicts"]) == 4


async def test_a_tie_that_nothing_settles_is_escalated(desk):
    tied()

    run = await desk.start(team(desk, *FOUR))

    assert run.outcome["status"] == "escalated"
    assert run.outcome["answer"] == ""


@pytest.mark.scenario(9)
async def test_authority_wins_and_the_dissent_is_kept(desk):
    say(rules=[opines("refund", 95)], money=[opines("refund", 95)], past=[opines("refuse", 51, why="twice")])

    run = await desk.start(team(desk, resolve=[HighestAuthority(["past", "rules", "money"])]))

    assert run.outcome["status"] == "completed"
    assert run.outcome["result"]["choice"] == "refuse"
    assert run.outcome["evidence"] == [{"source": "find_order", "quote": "seen: twice"}]
    dissent = run.outcome["dissent"]
    assert [each["branch"] for each in dissent] == ["rules", "money"]
    assert all(each["evidence"] for each in dissent)
    logged = [entry["body"] for entry in run.entries("dissent")]
    assert logged == dissent


@pytest.mark.scenario(10)
async def test_all_branches_fail_and_so_does_the_run(desk):
    say(rules=BROKEN, money=BROKEN, past=BROKEN)

    run = await desk.start(team(desk, quorum="any"))

    assert run.outcome["status"] == "failed"
    assert run.outcome["undone"] == ["rules", "money", "past"]
    assert (await desk.plane.record(run.id)).state == "ended"


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
    assert [each["branch"] for each in run.outcome["dissent"]] == ["n2"]
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
