"""What went wrong first, of what kind it is, and who answers for it, out of the audit log."""

from __future__ import annotations

import pytest
from langgraph.graph.state import CompiledStateGraph

from governance import agents
from governance.attribution import Faulty, Teams, faults, first_fault
from graphs.sequential import sequential
from graphs.single import single
from tests.scenarios.conftest import Office, Run, calls
from tests.second import office

GOOD = {"order_id": "T-001", "amount": 4000}
YES = {"refund": True, "reason": "it was cancelled"}


@pytest.fixture
def chain(desk: Office) -> CompiledStateGraph:
    return sequential(office.STEPS).compile(name="sequential", checkpointer=desk.saver)


async def attributed(run: Run) -> list[Faulty]:
    plane = run.office.plane
    known = await plane.store.read(agents.known)
    teams = Teams(
        {(each.identity.name, each.identity.version): each.identity.owner for each in known},
        {name: tool.owner for name, tool in office.TOOLBOX.items()},
        plane.policy.owners,
    )
    return faults(run.entries(), teams)


async def test_a_model_that_never_answers_validly(desk, chain):
    desk.script(*[calls("Facts", order_id="none", amount=1)] * 6)
    run = await desk.start(chain)

    first = first_fault(await attributed(run))

    assert first
    assert (first.kind, first.what, first.owner) == ("model", "read", "office")
    assert first.version == office.READER.identity.version
    assert "order_id" in first.evidence
    assert run.entries()[first.entry - run.entries()[0]["seq"]]["hash"] == first.hash


async def test_what_was_repaired_is_not_to_blame_for_what_came_after(desk, chain):
    desk.script(
        calls("Facts", order_id="none", amount=1),
        calls("Facts", **GOOD | {"amount": 9}),
        calls("Facts", **GOOD),
    )
    run = await desk.start(chain)

    found = await attributed(run)
    first = first_fault(found)

    assert [each.overcome for each in found][:1] == [True]
    assert first
    assert (first.kind, first.what) == ("data", "read")
    assert "cost 4000" in first.evidence


async def test_a_tool_that_fails(desk, chain, monkeypatch):
    async def broken(*_args: object) -> None:
        msg = "the ledger is away"
        raise OSError(msg)

    monkeypatch.setattr(office.Ledger, "run", broken)
    desk.script(calls("Facts", **GOOD), calls("Verdict", **YES))
    run = await desk.start(chain)

    first = first_fault(await attributed(run))

    assert first
    assert (first.kind, first.what, first.owner) == ("tool", "refund", "office")
    assert "ledger is away" in first.evidence


async def test_a_policy_that_says_no(desk):
    graph = single(office.CASHIER).compile(name="single", checkpointer=desk.saver)
    desk.script(
        calls("refund", order_id="T-003", amount=2500, iban="nobody's"), calls("find_order", order_id="T-009")
    )
    run = await desk.start(graph)

    first = first_fault(await attributed(run))

    assert first
    assert first.kind == "policy"
    assert first.what == "only-own-account, only-own-orders"
    assert first.owner == desk.plane.policy.owners["only-own-orders"]
    assert first.version == desk.plane.version


async def test_a_run_in_which_nothing_failed(desk, chain):
    desk.script(calls("Facts", **GOOD), calls("Verdict", **YES))
    run = await desk.start(chain)

    assert run.outcome["status"] == "completed"
    assert first_fault(await attributed(run)) is None
