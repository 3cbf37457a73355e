"""The control plane: the order of checks, and a refusal of each kind, in the log."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from governance.acts import Cost, Effect, Seam
from governance.control import ControlPlane, control, use_control
from governance.errors import BudgetExhausted, ControlUnavailable, Denied
from governance.limits import Budget
from governance.principals import Actor, AgentIdentity
from governance.settings import Settings
from governance.store import ControlStore
from governance.verify import verify
from tests.governance.conftest import CLAIMS, CONTRACT, LENA, NOAH, SAM, act, sql


async def test_what_is_cleared_is_logged_before_it_is_done(plane, run):
    clearance = await plane.clear(act(run))
    entry = list(plane.audit.entries(run=run.id))[-1]
    assert entry["kind"] == "cleared"
    assert (entry["actor"], entry["agent_version"], entry["user_id"]) == ("claims", "abc123def456", "sam")
    assert (entry["action"], entry["resource"], entry["decision"]) == (
        "pay_claim",
        "Tool::pay_claim",
        "allow",
    )
    assert (entry["policies"], entry["policy_version"]) == (["pay-within-authority"], plane.version)
    assert entry["body"]["args"] == {"claim_id": "CL-400001", "amount": 10_000}
    assert entry["key"] == clearance.key

    await plane.settle(clearance, {"payment": "PAY-1"}, Cost(tool_calls=1, tokens=7))
    settled = list(plane.audit.entries(run=run.id))[-1]
    assert (settled["kind"], settled["cost"]) == ("settled", {"tool_calls": 1, "tokens": 7})
    assert "PAY-1" not in str(settled), "results stay out of the log; their hash is in it"
    assert verify(plane.audit).whole


async def test_a_tool_outside_the_contract_is_denied(plane, run):
    with pytest.raises(Denied, match="isn't in this run's task contract"):
        await plane.clear(act(run, "delete_everything", args={}))
    refused = list(plane.audit.entries(run=run.id, kind="refused"))
    assert [entry["policies"] for entry in refused] == [["task-contract"]]


async def test_the_contract_counts_calls_and_replays_do_not(plane, run):
    for n in range(2):
        clearance = await plane.clear(act(run, "send_letter", n, args={}))
        await plane.settle(clearance, n, Cost(tool_calls=1))
    for n in range(2):
        assert (await plane.clear(act(run, "send_letter", n, args={}))).replay == n
    with pytest.raises(Denied, match="call send_letter 2 times"):
        await plane.clear(act(run, "send_letter", 3, args={}))
    await plane.clear(act(run, "read_claim", 4, args={}))


async def test_the_contract_is_about_tools_alone(plane, run):
    asked = act(
        run, "call_model", args={}, seam=Seam.MODEL, resource=("Model", "worker"), facts={"model": "offline"}
    )
    await plane.clear(asked)
    assert list(plane.audit.entries(run=run.id))[-1]["model"] == "offline"


async def test_what_policy_denies_no_one_can_approve(plane, run):
    with pytest.raises(Denied, match="no one may pay this") as refused:
        await plane.clear(act(run, args={"claim_id": "CL-1", "amount": 1_000_000}))
    assert refused.value.policies == ("never-so-much",)
    assert await plane.pending("harbor") == []


async def test_a_refusal_by_the_budget_leaves_no_intent_and_keeps_the_grant(build, limits, run):
    poor = build(limits=replace(limits, run=Budget(tool_calls=1)))
    asked = act(run, args={"claim_id": "CL-1", "amount": 60_000})
    with pytest.raises(Exception, match="pending"):
        await poor.clear(asked)
    (pending,) = await poor.pending("harbor")
    await poor.decide(LENA, {"approval_id": pending.id, "type": "approve"})
    other = await poor.clear(act(run, sequence=2))
    with pytest.raises(BudgetExhausted):
        await poor.clear(asked)
    assert sql(poor.settings, "SELECT count(*) FROM journal")[0][0] == 1
    await poor.fail(other, "nothing was done", Cost(), retry=True)
    assert (await poor.clear(asked)).approved_by == "lena"


@pytest.mark.scenario(45)
@pytest.mark.parametrize("version", ["*", CLAIMS.version])
async def test_a_revoked_agent_is_denied_at_its_next_call_everywhere(build, run, version):
    here, there = build(), build()
    await here.register_agent(CLAIMS)
    done = await here.clear(act(run))
    await here.settle(done, "paid", Cost(tool_calls=1))
    await there.revoke("claims", version=version, by=LENA)

    for plane in (here, there, build()):
        await plane.register_agent(CLAIMS)
        with pytest.raises(Denied, match="revoked"):
            await plane.clear(act(run, sequence=2))
    assert (await here.clear(act(run))).replay == "paid", "what was done stays done"
    newer = replace(CLAIMS, version="new000000000")
    if version == "*":
        with pytest.raises(Denied, match="revoked"):
            await here.clear(act(run, sequence=2, agent=newer))
    else:
        await here.clear(act(run, sequence=2, agent=newer))


async def test_an_agent_cannot_change_its_kind(plane, run):
    await plane.clear(act(run))
    impostor = AgentIdentity("claims", "treasury", CLAIMS.version, "claims-team")
    with pytest.raises(Denied, match="is of kind claims"):
        await plane.clear(act(run, sequence=2, agent=impostor))


async def test_assess_asks_and_uses_up_nothing(plane, run):
    assert (await plane.assess(act(run))).effect is Effect.ALLOW
    assert (await plane.assess(act(run, args={"amount": 60_000}))).effect is Effect.APPROVE
    assert (await plane.assess(act(run, args={"amount": 10**6}))).effect is Effect.DENY
    assert (await plane.assess(act(run, "delete_everything", args={}))).effect is Effect.DENY
    assert await plane.pending("harbor") == []
    assert [e["kind"] for e in plane.audit.entries(run=run.id)] == ["run_opened"]


async def test_what_an_effect_made_is_trusted_in_its_run_alone(plane, run, policy):
    clearance = await plane.clear(act(run, "read_claim", args={}))
    await plane.settle(clearance, {}, Cost(tool_calls=1), trusts={"claims": ["CL-7", "CL-8"]})
    await plane.clear(act(run, sequence=2))
    assert policy.seen_trust == {"claims": frozenset({"CL-7", "CL-8"})}
    other = await plane.open_run(graph="g", user=SAM, contract=run.contract, input={})
    await plane.clear(act(other))
    assert policy.seen_trust == {}


async def test_people_are_asked_about_too(plane):
    await plane.permit(SAM, "start_run", tenant="harbor", owner="sam")
    with pytest.raises(Denied):
        await plane.permit(NOAH, "read_run", tenant="harbor", owner="sam")
    (entry,) = plane.audit.entries(kind="refused")
    assert (entry["user_id"], entry["action"], entry["tenant"]) == ("noah", "read_run", "lakeside")


@pytest.mark.scenario(15)
async def test_without_its_store_nothing_is_cleared(policy, limits, clock, run):
    settings = Settings(Path("/proc/none"))
    plane = ControlPlane(settings, ControlStore(settings.url("control")), policy, limits, None, clock)
    with pytest.raises(ControlUnavailable):
        await plane.clear(act(run))
    plane.close()


async def test_an_error_in_policy_clears_nothing(plane, run, policy, monkeypatch):
    def broken(*_, **__):
        msg = "policy set is garbled"
        raise ControlUnavailable(msg)

    monkeypatch.setattr(type(policy), "decide", broken)
    with pytest.raises(ControlUnavailable):
        await plane.clear(act(run))
    assert sql(plane.settings, "SELECT count(*) FROM journal")[0][0] == 0


@pytest.mark.scenario(43)
async def test_the_same_script_twice_writes_the_same_entries(build):
    async def script(plane):
        run = await plane.open_run(graph="g", user=SAM, contract=CONTRACT, input={})
        for n in range(3):
            clearance = await plane.clear(act(run, sequence=n, request_hash="h"))
            await plane.settle(clearance, n, Cost(tool_calls=1))
        await plane.conclude(run.id, {"status": "completed"})
        hide = ("seq", "time", "prev", "hash", "run", "key")
        return [{k: v for k, v in e.items() if k not in hide} for e in plane.audit.entries(run=run.id)]

    assert await script(build()) == await script(build())


async def test_use_control_replaces_this_process_s(plane):
    use_control(plane)
    assert control() is plane
    use_control(None)


async def test_acts_of_other_agents_in_parallel_are_all_kept(plane, run):
    async def one(n):
        agent = AgentIdentity(f"a{n}", "reader", "1", "o")
        asked = replace(
            act(run, "call_model", args={}), seam=Seam.MODEL, actor=Actor(agent, run, f"p{n}"), cost=Cost()
        )
        clearance = await plane.clear(asked)
        await plane.settle(clearance, n, Cost(tokens=n))

    await asyncio.gather(*(one(n) for n in range(1, 21)))
    usage = await plane.usage(run.id)
    assert usage["tokens"] == sum(range(21))
    assert len(usage["agents"]) == 20
    assert verify(plane.audit).whole
