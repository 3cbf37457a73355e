"""Runs: what was admitted stands, whatever a graph or a client says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from governance.acts import Cost, Seam
from governance.contract import Contract
from governance.errors import Denied, InvalidInput
from governance.principals import User
from tests.governance.conftest import CONTRACT, LENA, SAM, act


async def test_a_run_is_read_back_as_it_was_admitted(build, plane, run):
    other = build()
    assert await other.run(run.id) == run
    record = await other.record(run.id)
    assert (record.state, record.input, record.outcome) == ("admitted", {"messages": []}, None)
    assert run.contract == CONTRACT
    assert run.policy_version == plane.version


async def test_a_run_that_no_model_answered_is_named_until_one_does(plane, run):
    asked = act(run, "call_model", seam=Seam.MODEL, resource=("Model", "worker"))
    for _ in range(2):
        await plane.fail(await plane.clear(asked), "TimeoutError", Cost(model_calls=1))
        await plane.note(run, "model_unavailable", {"reason": "TimeoutError"})
        assert await plane.without_model() == [run.id]

    await plane.settle(await plane.clear(asked), "answer", Cost(model_calls=1))

    assert await plane.without_model() == []


async def test_ids_are_not_guessable(plane):
    ids = [(await plane.open_run(graph="g", user=SAM, contract=CONTRACT, input={})).id for _ in range(5)]
    assert len(set(ids)) == 5
    assert all(len(run_id) >= 14 and run_id.startswith("run-") for run_id in ids)


async def test_an_unknown_run_is_invalid(plane):
    with pytest.raises(InvalidInput, match="tower runs"):
        await plane.run("run-nope")


async def test_only_the_owner_binds_and_only_once(plane, run):
    with pytest.raises(Denied):
        await plane.bind(run.id, "thread-1", LENA.id)
    assert (await plane.bind(run.id, "thread-1", SAM.id)).thread_id == "thread-1"
    assert (await plane.bind(run.id, "thread-1", SAM.id)).thread_id == "thread-1"
    with pytest.raises(Denied, match="another thread"):
        await plane.bind(run.id, "thread-2", SAM.id)
    assert (await plane.run(run.id)).thread_id == "thread-1"


async def test_states_and_the_first_outcome_stand(plane, run):
    await plane.clear(act(run))
    assert (await plane.record(run.id)).state == "running"
    await plane.conclude(run.id, {"status": "completed"})
    await plane.conclude(run.id, {"status": "failed"})
    record = await plane.record(run.id)
    assert (record.state, record.outcome["status"]) == ("ended", "completed")
    assert len(list(plane.audit.entries(run=run.id, kind="run_ended"))) == 1


async def test_a_run_that_ended_acts_no_more_but_replays(plane, run):
    clearance = await plane.clear(act(run))
    await plane.settle(clearance, "paid", Cost(tool_calls=1))
    await plane.conclude(run.id, {"status": "completed"})
    assert (await plane.clear(act(run))).replay == "paid"
    with pytest.raises(Denied, match="has ended"):
        await plane.clear(act(run, sequence=2))


async def test_a_run_cannot_claim_more_than_it_was_admitted_with(plane, run):
    wider = replace(run, contract=Contract(tools={"pay_claim": 1000}))
    other = replace(run, user=User("lena", "harbor", frozenset({"claims-lead"})))
    for forged in (wider, other, replace(run, subject="C-10002"), replace(run, verified="vouched")):
        with pytest.raises(Denied, match="other rights"):
            await plane.clear(act(forged))
        with pytest.raises(Denied, match="other rights"):
            await plane.request_approval(act(forged), "please")
    assert len(list(plane.audit.entries(run=run.id, kind="refused"))) == 8


async def test_runs_are_listed_per_tenant_and_state(plane, run, clock):
    clock.forward(seconds=1)
    noah = User("noah", "lakeside", frozenset({"claims-lead"}))
    foreign = await plane.open_run(graph="g", user=noah, contract=CONTRACT, input={})
    assert [r.run.id for r in await plane.runs()] == [foreign.id, run.id]
    assert [r.run.id for r in await plane.runs(tenant="harbor")] == [run.id]
    assert await plane.runs(state="ended") == []
