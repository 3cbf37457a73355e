"""Scenario 42: what changed between a question and its answer is never passed over in silence."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from governance.control import ControlPlane, use_control
from governance.errors import Denied, InvalidInput
from governance.manifest import Manifest
from governance.policy import POLICIES, PolicyEngine, load_policy
from graphs.sequential import sequential
from graphs.single import single
from tests.scenarios.conftest import LENA, Office, Run, calls, says
from tests.second import office

pytestmark = pytest.mark.scenario(42)

BIG = {"order_id": "T-002", "amount": 90_000}
OLD, NEW = Manifest({"graphs/sequential.py": "1"}), Manifest({"graphs/sequential.py": "2"})


@pytest.fixture
def changed(tmp_path: Path) -> PolicyEngine:
    """The same rules with one more word in them: another version."""
    folder = tmp_path / "changed"
    shutil.copytree(office.PROMPTS / "policies", folder / "office")
    for path in POLICIES.iterdir():
        if path.is_file():
            shutil.copy(path, folder)
    with (folder / "tools.cedar").open("a") as file:
        file.write("// reviewed\n")
    return load_policy([folder], office.TOOLBOX.surfaces())


async def waiting(desk: Office) -> Run:
    desk.plane.manifest = OLD
    desk.script(calls("Facts", **BIG), calls("Verdict", refund=True, reason="cancelled"))
    run = await desk.start(sequential(office.STEPS).compile(name="sequential", checkpointer=desk.saver))
    assert len(run.waiting) == 1
    return run


def upgrade(desk: Office, policy: PolicyEngine) -> ControlPlane:
    """Another process takes over, with other policies and other code."""
    old = desk.plane
    new = ControlPlane(old.settings, old.store, policy, old.limits, old.vault, manifest=NEW)
    use_control(new)
    return new


async def test_a_yes_under_the_old_policies_does_not_count_under_the_new_ones(desk, changed):
    run = await waiting(desk)
    asked = run.waiting[0]["approval_id"]
    await desk.plane.decide(LENA, {"approval_id": asked, "type": "approve"})
    new = upgrade(desk, changed)

    await run.resume()

    assert desk.refunds() == []
    again = run.waiting[0]["approval_id"]
    assert again != asked
    assert (await new.approval(again)).policy_version == new.version != desk.plane.version
    await new.decide(LENA, {"approval_id": again, "type": "approve"})
    await run.resume()
    assert run.outcome["status"] == "completed"
    assert len(desk.refunds()) == 1


async def test_a_no_under_the_old_policies_stays_a_no(desk, changed):
    run = await waiting(desk)
    await desk.plane.decide(LENA, {"approval_id": run.waiting[0]["approval_id"], "type": "reject"})
    upgrade(desk, changed)

    await run.resume()

    assert run.outcome["status"] == "rejected"
    assert len(run.entries("approval_requested")) == 1
    assert desk.refunds() == []


async def test_an_old_question_can_not_be_answered_under_the_new_policies(desk, changed):
    run = await waiting(desk)
    new = upgrade(desk, changed)
    await run.resume()

    with pytest.raises((Denied, InvalidInput)):
        await new.decide(LENA, {"approval_id": run.waiting[0]["approval_id"] + "x", "type": "approve"})
    first = run.entries("approval_requested")[0]["body"]["approval"]
    with pytest.raises((Denied, InvalidInput)):
        await new.decide(LENA, {"approval_id": first, "type": "approve"})
    assert desk.refunds() == []


async def test_going_on_under_other_code_is_written_down_before_anything_is_done(desk, policy):
    run = await waiting(desk)
    await desk.plane.decide(LENA, {"approval_id": run.waiting[0]["approval_id"], "type": "approve"})
    upgrade(desk, policy)

    await run.resume()

    assert run.outcome["status"] == "completed"
    (migrated,) = run.entries("run_migrated")
    assert migrated["body"] == {"before": OLD.hash, "manifest": NEW.hash, "kinds": ["code"]}
    paid = [entry["seq"] for entry in run.entries("cleared") if entry["action"] == "refund"]
    assert migrated["seq"] < paid[0]


async def test_a_step_in_progress_goes_on_with_what_the_model_said_under_its_old_prompt(desk, policy):
    """Asked anew, it would be paid twice, and what it says now might repeat an effect in other words."""
    desk.plane.manifest = OLD
    account = await desk.plane.vault.tokenise_json(
        "harbor", office.IBANS["ann"], {office.IBANS["ann"]: "iban"}
    )
    desk.script(calls("refund", order_id="T-002", amount=90_000, iban=account), says("refunded"))
    run = await desk.start(single(office.CASHIER).compile(name="single", checkpointer=desk.saver))
    await desk.plane.decide(LENA, {"approval_id": run.waiting[0]["approval_id"], "type": "approve"})
    upgrade(desk, policy)
    reworded = replace(office.CASHIER, job="Another prompt.")
    run.graph = single(reworded).compile(name="single", checkpointer=desk.saver)

    await run.resume()

    assert run.outcome["status"] == "completed"
    assert desk.refunds() == [("T-002", 90_000, office.IBANS["ann"])]
    assert desk.model.calls == 2
