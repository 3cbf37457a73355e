"""Effects in doubt: who may say what became of them, and what that changes."""

from __future__ import annotations

import pytest

from governance.acts import Cost
from governance.errors import ApprovalRequired, BudgetExhausted, Denied, EffectUnknown, InvalidInput
from governance.principals import User
from tests.governance.conftest import HANNA, LENA, NOAH, SAM, act, sql


@pytest.fixture
async def lost(build, run):
    """An effect that was begun by somebody who died, and the plane that found it."""
    dead, alive = build(), build()
    asked = act(run, repeatable=False, cost=Cost(tool_calls=1, tokens=500))
    await dead.clear(asked)
    dead.worker.stop()
    with pytest.raises(EffectUnknown) as doubt:
        await alive.clear(asked)
    assert doubt.value.attempt == 1
    return alive, asked


async def test_an_effect_in_doubt_is_listed_and_holds_the_run(lost, run):
    plane, asked = lost
    (listed,) = await plane.unsettled("harbor")
    assert (listed.key, listed.state, listed.owner) == (asked.key, "unknown", "sam")
    assert listed.position == "claim/pay/0/1"
    assert await plane.args_of(listed) == asked.args
    assert await plane.unsettled("lakeside") == []
    assert (await plane.record(run.id)).state == "waiting"


async def test_what_happened_is_replayed_with_the_result_that_a_person_gave(lost, run):
    plane, asked = lost
    trusts = {"payments": ["PAY-9"]}
    await plane.settle_effect(
        LENA, asked.key, result={"payment": "PAY-9"}, reason="the bank says so", trusts=trusts
    )
    again = await plane.clear(asked)
    assert (again.done_before, again.replay) == (True, {"payment": "PAY-9"})
    assert "PAY-9" in await plane.trusted(run.id)
    (entry,) = plane.audit.entries(run=run.id, kind="resolved")
    assert (entry["user_id"], entry["body"]["reason"]) == ("lena", "the bank says so")
    assert entry["body"]["happened"]


async def test_what_did_not_happen_may_be_tried_again_after_all_checks(lost, run):
    plane, asked = lost
    await plane.settle_effect(LENA, asked.key, result=None, reason="no such payment")
    assert (await plane.clear(asked)).attempt == 2
    usage = await plane.usage(run.id)
    assert usage["tokens"] == 500, "what the dead attempt had reserved counts, once"
    with pytest.raises(InvalidInput, match="nothing to settle"):
        await plane.settle_effect(LENA, asked.key, result=None, reason="again")


async def test_an_answer_about_an_earlier_attempt_counts_for_nothing(lost):
    plane, asked = lost
    await plane.settle_effect(LENA, asked.key, result=None, reason="no such payment")
    second = await plane.clear(asked)
    await plane.fail(second, "timeout", Cost(), retry=False)
    assert not await plane.resolve(asked.key, attempt=1, result={"late": True}, by="query")
    assert await plane.resolve(asked.key, attempt=2, result={"right": True}, by="query")


async def test_who_may_say_so(lost, policy):
    plane, asked = lost
    with pytest.raises(InvalidInput, match="there is no effect"):
        await plane.settle_effect(NOAH, asked.key, result=None, reason="mine now")
    with pytest.raises(InvalidInput, match="how you know"):
        await plane.settle_effect(LENA, asked.key, result=None, reason=" ")
    policy.forbidden_people = {"hanna"}
    with pytest.raises(Denied):
        await plane.settle_effect(HANNA, asked.key, result=None, reason="because")
    assert (await plane.effect(asked.key)).state == "unknown"


async def test_an_undo_ends_the_run_and_voids_what_it_asks(plane, run):
    with pytest.raises(ApprovalRequired):
        await plane.clear(act(run, args={"claim_id": "CL-1", "amount": 60_000}))
    assert len(await plane.pending("harbor")) == 1

    await plane.stop_for_undo(LENA, run.id)

    assert await plane.pending("harbor") == []
    assert (await plane.record(run.id)).outcome["status"] == "cancelled"
    with pytest.raises(Denied, match="has ended"):
        await plane.clear(act(run, sequence=7))


async def test_there_is_one_undo_of_a_run_with_a_contract_for_compensations_alone(plane, run):
    first = await plane.open_undo(LENA, run, {"read_claim": 1})
    second = await plane.open_undo(SAM, run, {"pay_claim": 9})
    assert first == second
    assert (first.user, first.contract.tools) == (LENA, {"read_claim": 1})
    with pytest.raises(Denied, match="task contract"):
        await plane.clear(act(first, "pay_claim"))
    (entry,) = plane.audit.entries(run=run.id, kind="undo_opened")
    assert (entry["user_id"], entry["body"]["undo_run"]) == ("lena", first.id)


async def test_whoever_started_the_run_cannot_agree_to_its_undo(plane, run):
    undo_run = await plane.open_undo(SAM, run, {"pay_claim": 3})
    asked = act(undo_run, args={"claim_id": "CL-1", "amount": 60_000})
    by_owner = User("sam", "harbor", frozenset({"claims-lead"}))
    assert (await plane.ask_or_agree(asked, by_owner, requester="sam", description="d")).state == "pending"
    assert (await plane.ask_or_agree(asked, HANNA, requester="sam", description="d")).state == "pending"
    assert (await plane.ask_or_agree(asked, None, requester="sam", description="d")).state == "pending"
    agreed = await plane.ask_or_agree(asked, LENA, requester="sam", description="d")
    assert (agreed.state, agreed.decided_by) == ("approved", "lena")
    assert (await plane.clear(asked)).approved_by == "lena"


@pytest.mark.scenario(12)
async def test_what_nobody_took_up_again_is_settled_when_the_run_ends(build, run, settings):
    dead, alive = build(), build()
    await dead.clear(act(run, cost=Cost(tool_calls=1, tokens=300)))
    dead.worker.stop()
    await alive.clear(act(run, sequence=2, cost=Cost(tool_calls=1)))

    await alive.conclude(run.id, {"status": "failed"})

    at_work = act(run, sequence=2).key
    assert sql(settings, "SELECT key FROM reservations") == [(at_work,)]
    assert (await alive.usage(run.id))["tokens"] == 300
    spent = await alive.spent("harbor", run.id)
    assert spent["by_agent"][0] == spent["by_agent"][0] | {"name": "claims", "tokens": 300}


async def test_what_the_log_says_was_spent_is_what_the_budget_says(plane, run, clock):
    for n, used in enumerate((10, 20, 30)):
        clearance = await plane.clear(act(run, "read_claim", n, args={}, cost=Cost(tool_calls=1, tokens=50)))
        await plane.settle(clearance, n, Cost(tool_calls=1, tokens=used))
    failed = await plane.clear(act(run, sequence=9, cost=Cost(tool_calls=1, tokens=50)))
    await plane.fail(failed, "timeout", Cost(tool_calls=1))
    with pytest.raises(BudgetExhausted):
        await plane.clear(act(run, sequence=10, cost=Cost(tokens=10**6)))

    spent = await plane.spent("harbor")

    assert spent["units"]["tokens"] == {"spent": 60, "reserved": 0, "limit": None}
    assert spent["units"]["tool_calls"]["spent"] == 4
    tools = {row["name"]: (row["tool_calls"], row["tokens"]) for row in spent["by_tool"]}
    assert tools == {"read_claim": (3, 60), "pay_claim": (1, 0)}
    assert [row["name"] for row in spent["by_user"]] == ["sam"]
    clock.forward(days=1)
    assert (await plane.spent("harbor"))["by_tool"] == []
    assert (await plane.spent("harbor", run.id))["times"]["late"] is False
