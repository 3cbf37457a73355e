"""Budgets: reserved before, settled once, never overspent."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from governance import budget
from governance.acts import Cost
from governance.budget import Scope
from governance.errors import BudgetExhausted, ControlUnavailable
from governance.limits import Budget, Limits, Price, load_limits
from governance.settings import Settings
from tests.governance.conftest import CONTRACT, SAM, act

TENANT = Scope("tenant:harbor", Budget(model_calls=100))
RUN = Scope("run:r1", Budget(model_calls=3, tokens=1000))
ALICE, BOB = Scope("agent:r1/alice", Budget(model_calls=2)), Scope("agent:r1/bob", Budget(model_calls=2))
ONE = Cost(model_calls=1, tokens=100)


def book(store, scope):
    return store.read_sync(lambda tx: (budget.reserved(tx, scope.name), budget.spent(tx, scope.name)))


async def reserve(store, key, scopes=(TENANT, RUN, ALICE), cost=ONE):
    await store.transact(lambda tx: budget.reserve(tx, key, scopes, cost))


async def test_reserve_then_settle_to_what_was_used(store):
    await reserve(store, "k1")
    assert book(store, RUN) == (ONE, Cost())
    assert await store.transact(lambda tx: budget.settle(tx, "k1", Cost(model_calls=1, tokens=40)))
    for scope in (TENANT, RUN, ALICE):
        assert book(store, scope) == (Cost(), Cost(model_calls=1, tokens=40))


async def test_the_same_act_reserves_and_settles_once(store):
    await reserve(store, "k1")
    await reserve(store, "k1")
    assert book(store, RUN)[0] == ONE
    assert [await store.transact(lambda tx: budget.settle(tx, "k1", ONE)) for _ in range(3)] == [
        True,
        False,
        False,
    ]
    assert book(store, RUN) == (Cost(), ONE)


async def test_one_scope_without_means_leaves_all_untouched(store):
    await reserve(store, "k1")
    await reserve(store, "k2")
    with pytest.raises(BudgetExhausted) as refused:
        await reserve(store, "k3")
    assert (refused.value.scope, refused.value.unit, refused.value.limit) == (
        "agent:r1/alice",
        "model_calls",
        2,
    )
    assert "is used up" in str(refused.value)
    assert book(store, TENANT)[0] == Cost(model_calls=2, tokens=200)
    await reserve(store, "k3", (TENANT, RUN, BOB))
    with pytest.raises(BudgetExhausted, match="run:r1"):
        await reserve(store, "k4", (TENANT, RUN, BOB))


async def test_what_is_too_large_for_what_is_left_is_not_called_used_up(store):
    small = Scope("run:r2", Budget(tokens=60_000))
    with pytest.raises(BudgetExhausted, match="has 60000 left, and this may take 75000"):
        await store.transact(lambda tx: budget.reserve(tx, "k1", (small,), Cost(tokens=75_000)))


async def test_zero_means_none_and_left_out_means_no_limit(store):
    none = Scope("run:r2", Budget(model_calls=0))
    with pytest.raises(BudgetExhausted):
        await reserve(store, "k1", [none])
    await reserve(store, "k2", [none], Cost(tool_calls=10**6))


@pytest.mark.scenario(11)
async def test_six_at_once_cannot_outspend_three(store):
    jobs = [reserve(store, f"k{n}", (TENANT, RUN)) for n in range(6)]
    results = await asyncio.gather(*jobs, return_exceptions=True)
    assert sum(isinstance(result, BudgetExhausted) for result in results) == 3
    assert book(store, RUN)[0].model_calls == 3


@pytest.mark.scenario(12)
async def test_what_a_dead_worker_reserved_is_settled_once_when_its_act_is_taken_up(build, run, clock):
    dead, alive = build(), build()
    asked = act(run, cost=Cost(tool_calls=1, tokens=500))
    await dead.clear(asked)
    dead.worker.stop()

    clearance = await alive.clear(asked)
    await alive.settle(clearance, "paid", Cost(tool_calls=1, tokens=20))

    assert clearance.attempt == 2
    usage = await alive.usage(run.id)
    assert (usage["tool_calls"], usage["tokens"]) == (2, 520)
    assert book(alive.store, Scope(f"run:{run.id}", Budget()))[0] == Cost()
    kinds = [entry["kind"] for entry in alive.audit.entries(run=run.id)]
    assert kinds == ["run_opened", "cleared", "abandoned", "cleared", "settled"]


@pytest.mark.scenario(13)
async def test_usage_says_when_to_degrade(build, limits, run):
    plane = build(limits=replace(limits, run=Budget(tool_calls=5), agent=Budget()))
    seen = []
    for n in range(5):
        clearance = await plane.clear(act(run, "read_claim", n, args={}))
        await plane.settle(clearance, n, Cost(tool_calls=1))
        usage = await plane.usage(run.id)
        seen.append((usage["percent"], usage["degraded"]))
    assert seen == [(20, False), (40, False), (60, False), (80, True), (100, True)]
    assert usage["agents"]["claims"]["tool_calls"] == 5


@pytest.mark.scenario(16)
async def test_failed_attempts_and_new_processes_count(build, limits, run):
    tight = replace(limits, run=Budget(tool_calls=3), agent=Budget())
    asked = act(run, "read_claim", args={})
    for _ in range(3):
        plane = build(limits=tight)
        clearance = await plane.clear(asked)
        await plane.fail(clearance, "timeout", Cost(tool_calls=1))
    with pytest.raises(BudgetExhausted):
        await build(limits=tight).clear(asked)


@pytest.mark.scenario(11)
async def test_fifty_runs_at_once_overspend_their_tenants_budget_by_nothing(build, limits):
    planes = [build(limits=replace(limits, tenant=Budget(tool_calls=60))) for _ in range(3)]
    opened = [await planes[0].open_run(graph="g", user=SAM, contract=CONTRACT, input={}) for _ in range(50)]

    async def work(plane, run):
        done = 0
        for n in range(4):
            try:
                clearance = await plane.clear(act(run, "read_claim", n, args={}))
            except BudgetExhausted:
                continue
            await plane.settle(clearance, n, Cost(tool_calls=1))
            done += 1
        return done

    done = await asyncio.gather(*(work(planes[n % 3], run) for n, run in enumerate(opened)))

    assert sum(done) == 60
    spent = (await planes[0].spent("harbor"))["units"]["tool_calls"]
    assert spent == {"spent": 60, "reserved": 0, "limit": 60}


async def test_a_tenant_has_its_budget_anew_each_day(build, limits, run, clock):
    plane = build(limits=replace(limits, tenant=Budget(tool_calls=1)))
    clearance = await plane.clear(act(run, sequence=1))
    await plane.settle(clearance, "ok", Cost(tool_calls=1))
    with pytest.raises(BudgetExhausted, match="tenant:harbor/2026-11-21"):
        await plane.clear(act(run, sequence=2))
    clock.forward(days=1)
    await plane.clear(act(run, sequence=2))


def test_the_shipped_limits_are_read():
    limits = load_limits()
    assert (limits.run.model_calls, limits.run.tokens, limits.agent.model_calls) == (20, 60_000, 10)
    assert limits.price("offline-1", 10**6, 10**6) == 0
    assert limits.price("never-heard-of", 1_000_000, 0) > 0


def test_later_files_win_key_by_key(tmp_path):
    (tmp_path / "shop").mkdir()
    (tmp_path / "limits.toml").write_text(
        "[run]\nmodel_calls = 5\ntokens = 7\n[prices.default]\ninput=1\noutput=3\n"
    )
    (tmp_path / "shop" / "limits.toml").write_text(
        '[run]\ntokens = 0\n[approvals.actions]\nship = ["boss"]\n'
    )
    home = tmp_path / "home"
    home.mkdir()
    (home / "limits.toml").write_text("degrade_at = 0.5\n")
    limits = load_limits(Settings(home), folder=tmp_path)
    assert (limits.run.model_calls, limits.run.tokens, limits.degrade_at) == (5, 0, 0.5)
    assert limits.approvals.roles_for("ship") == ("boss",)
    assert limits.approvals.roles_for("other") == ("approver",)
    assert limits.prices["default"] == Price(1, 3)
    assert limits.price("x", 1, 1) == 1


@pytest.mark.parametrize(
    "text",
    [
        "[run]\nmodel_cals = 5",
        "[run]\nmodel_calls = -1",
        "[run]\nmodel_calls = 'x'",
        "degrade_at = 2",
        "run = [",
        "anchor_interval = 0",
    ],
)
def test_wrong_limits_name_the_file(tmp_path, text):
    (tmp_path / "limits.toml").write_text(text)
    with pytest.raises(ControlUnavailable, match=r"limits\.toml can't be"):
        load_limits(folder=tmp_path)


def test_no_limits_at_all_is_a_clear_no(tmp_path):
    with pytest.raises(ControlUnavailable):
        load_limits(folder=tmp_path)


def test_limits_have_sensible_defaults():
    assert Limits().run == Budget(model_calls=20, tool_calls=40, handoffs=6, tokens=60_000)
