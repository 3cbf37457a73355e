"""Approvals: a second person's yes, for exactly what was asked, used once (scenarios 32 to 36)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from governance.acts import Cost, Effect
from governance.answers import hitl_request
from governance.approval_rules import ApprovalRules
from governance.confidence import ConfidenceRule
from governance.errors import ApprovalRejected, ApprovalRequired, Denied, InvalidInput
from governance.limits import Budget, Rate
from governance.principals import User
from tests.governance.conftest import HANNA, LARS, LENA, NOAH, SAM, OfficePolicy, act, sql

LARGE = {"claim_id": "CL-400001", "amount": 60_000}


def large(run, sequence=1, **changes):
    return act(run, sequence=sequence, **({"args": LARGE, "repeatable": False} | changes))


async def ask(plane, asked):
    with pytest.raises(ApprovalRequired) as needed:
        await plane.clear(asked)
    return needed.value.approval_id


def yes(approval_id):
    return {"approval_id": approval_id, "decisions": [{"type": "approve"}]}


def edit(approval_id, args, name="pay_claim"):
    return {"approval_id": approval_id, "type": "edit", "edited_action": {"name": name, "args": args}}


async def test_a_yes_clears_the_act_once(plane, run):
    approval_id = await ask(plane, large(run))
    assert await ask(plane, large(run)) == approval_id
    assert (await plane.record(run.id)).state == "waiting"
    assert (await plane.usage(run.id))["tool_calls"] == 0, "nothing is reserved while a human thinks"

    await plane.decide(LENA, yes(approval_id))
    clearance = await plane.clear(large(run))
    assert clearance.approved_by == "lena"
    await plane.settle(clearance, "paid", Cost(tool_calls=1))

    assert (await plane.approval(approval_id)).state == "consumed"
    assert (await plane.clear(large(run))).replay == "paid"
    assert await ask(plane, large(run, sequence=2)) != approval_id


async def test_the_request_is_in_the_form_of_langchain(plane, run):
    approval = await plane.approval(await ask(plane, large(run)))
    request = hitl_request(approval)
    assert request["approval_id"] == approval.id
    assert request["action_requests"][0] | {"description": ""} == {
        "name": "pay_claim",
        "args": LARGE,
        "description": "",
    }
    assert request["review_configs"] == [
        {"action_name": "pay_claim", "allowed_decisions": ["approve", "edit", "reject"]}
    ]


@pytest.mark.scenario(32)
async def test_answers_reach_only_the_approval_they_name(plane, run):
    first, second = (
        await ask(plane, large(run, 1)),
        await ask(plane, large(run, 2, args=LARGE | {"amount": 70_000})),
    )
    for wrong in ("approve", {"type": "approve"}, yes("apr-000000000000"), yes(run.id)):
        with pytest.raises(InvalidInput):
            await plane.decide(LENA, wrong)
    await plane.decide(LENA, yes(first))
    await plane.decide(LENA, yes(first))

    assert (await plane.approval(second)).state == "pending"
    await plane.clear(large(run, 1))
    await plane.decide(LENA, yes(first))
    await ask(plane, large(run, 2, args=LARGE | {"amount": 70_000}))
    assert sql(plane.settings, "SELECT count(*) FROM journal")[0][0] == 1


@pytest.mark.scenario(32)
async def test_a_second_answer_that_differs_is_refused(plane, run):
    approval_id = await ask(plane, large(run))
    await plane.decide(LENA, yes(approval_id))
    for user, answer in (
        (LENA, {"approval_id": approval_id, "type": "reject"}),
        (LENA, edit(approval_id, LARGE | {"amount": 55_000})),
        (LARS, yes(approval_id)),
    ):
        with pytest.raises(InvalidInput, match="approved by lena; a decision stands"):
            await plane.decide(user, answer)
    assert (await plane.approval(approval_id)).state == "approved"


@pytest.mark.scenario(33)
async def test_an_edit_is_cleared_again_and_binds_the_edited_arguments(plane, run):
    approval_id = await ask(plane, large(run))
    with pytest.raises(InvalidInput, match="not the tool"):
        await plane.decide(LENA, edit(approval_id, LARGE, name="send_letter"))
    for forbidden in (LARGE | {"amount": 1_000_000}, LARGE | {"iban": "x"}, LARGE | {"amount": "60000"}):
        with pytest.raises(Denied, match="edited arguments"):
            await plane.decide(LENA, edit(approval_id, forbidden))
    assert (await plane.approval(approval_id)).state == "pending"

    smaller = LARGE | {"amount": 55_000}
    decided = await plane.decide(LENA, edit(approval_id, smaller))
    assert (decided.state, decided.args, decided.edited) == ("approved", smaller, True)
    assert await ask(plane, large(run)) == approval_id, "what was asked first isn't what was approved"

    clearance = await plane.clear(large(run, args=smaller))
    await plane.settle(clearance, "paid", Cost(tool_calls=1))
    assert await ask(plane, large(run)) == approval_id, "executed again, the step finds the same approval"
    assert (await plane.clear(large(run, args=smaller))).replay == "paid"
    assert await ask(plane, large(run, 2, args=smaller)) != approval_id


@pytest.mark.scenario(34)
async def test_only_a_second_person_with_the_role_in_the_tenant_may_answer(plane, run):
    approval_id = await ask(plane, large(run))
    with pytest.raises(Denied, match="can't answer it as well"):
        await plane.decide(replace(SAM, roles=frozenset({"claims-lead"})), yes(approval_id))
    with pytest.raises(Denied, match="takes the role claims-lead"):
        await plane.decide(HANNA, yes(approval_id))
    with pytest.raises(InvalidInput, match="there is no approval"):
        await plane.decide(NOAH, yes(approval_id))
    assert (await plane.approval(approval_id)).state == "pending"
    refused = [entry["user_id"] for entry in plane.audit.entries(kind="answer_refused")]
    assert refused == ["sam", "hanna", "noah"]


@pytest.mark.scenario(34)
async def test_policy_has_the_last_word_on_who_answers(plane, run, policy, monkeypatch):
    approval_id = await ask(plane, large(run))
    no = replace(policy.permit(NOAH, "x", tenant="harbor"), reason="leads are on strike")
    monkeypatch.setattr(type(policy), "permit", lambda *_, **__: no)
    with pytest.raises(Denied, match="on strike"):
        await plane.decide(LENA, yes(approval_id))


@pytest.mark.scenario(34)
async def test_silence_is_a_no(plane, run, clock):
    approval_id = await ask(plane, large(run))
    clock.forward(hours=24)
    assert (await plane.approval(approval_id)).state == "expired"
    assert await plane.pending("harbor") == []
    with pytest.raises(InvalidInput, match="counts as rejected"):
        await plane.decide(LENA, yes(approval_id))
    with pytest.raises(ApprovalRejected, match="nobody answered"):
        await plane.clear(large(run))
    assert sql(plane.settings, "SELECT state FROM approvals") == [("expired",)]


@pytest.mark.scenario(34)
async def test_a_delegate_is_recorded_with_both_names(plane, run, clock):
    approval_id = await ask(plane, large(run))
    with pytest.raises(Denied):
        await plane.delegate(HANNA, "lars", roles={"claims-lead"}, until=clock() + timedelta(days=1))
    await plane.delegate(LENA, "hanna", roles={"claims-lead"}, until=clock() + timedelta(days=1))
    decided = await plane.decide(HANNA, yes(approval_id))
    assert (decided.decided_by, decided.on_behalf_of) == ("hanna", "lena")
    entry = next(plane.audit.entries(kind="approval_decided"))
    assert (entry["user_id"], entry["body"]["on_behalf_of"]) == ("hanna", "lena")


@pytest.mark.scenario(34)
async def test_delegation_ends_and_never_comes_from_the_requester(build, run, plane, clock):
    lead = User("lena", "harbor", frozenset({"claims-lead"}))
    own = await plane.open_run(graph="g", user=lead, contract=run.contract, input={})
    approval_id = await ask(plane, large(own))
    await plane.delegate(lead, "hanna", roles={"claims-lead"}, until=clock() + timedelta(hours=1))
    with pytest.raises(Denied):
        await plane.decide(HANNA, yes(approval_id))

    other = await ask(plane, large(run))
    clock.forward(hours=2)
    with pytest.raises(Denied):
        await plane.decide(HANNA, yes(other))


@pytest.mark.scenario(34)
async def test_a_question_that_nobody_answers_goes_up_the_chain_and_then_means_no(build, run, clock):
    rules = ApprovalRules(expires_hours=2, roles=("claims-lead",), escalate={"*": ("head", "board")})
    plane = build(limits=replace(build().limits, approvals=rules))
    head, board = (User(name, "harbor", frozenset({name, "claims-lead"})) for name in ("head", "board"))
    head, board = replace(head, roles=frozenset({"head"})), replace(board, roles=frozenset({"board"}))
    approval_id = await ask(plane, large(run))
    assert next(plane.audit.entries(kind="approval_requested"))["body"]["later"].keys() == {"head", "board"}

    with pytest.raises(Denied):
        await plane.decide(head, yes(approval_id))
    clock.forward(hours=2)
    assert [a.id for a in await plane.pending("harbor", role="head")] == [approval_id]
    assert await plane.pending("harbor", role="board") == []
    with pytest.raises(Denied):
        await plane.decide(board, yes(approval_id))
    decided = await plane.decide(head, yes(approval_id))
    assert (decided.decided_by, (await plane.clear(large(run))).approved_by) == ("head", "head")

    second = await ask(plane, large(run, 2, args=LARGE | {"amount": 70_000}))
    clock.forward(hours=5, minutes=59)
    assert (await plane.approval(second)).roles == ("claims-lead", "head", "board")
    clock.forward(minutes=1)
    assert (await plane.approval(second)).state == "expired"
    with pytest.raises(InvalidInput):
        await plane.decide(board, yes(second))


@pytest.mark.scenario(35)
async def test_one_grant_serves_one_of_two_acts_at_once(build, run):
    planes = [build(), build()]
    approval_id = await ask(planes[0], large(run, 1))
    await planes[0].decide(LENA, yes(approval_id))
    both = await asyncio.gather(
        planes[0].clear(large(run, 1)), planes[1].clear(large(run, 2)), return_exceptions=True
    )
    assert sorted(type(result).__name__ for result in both) == ["ApprovalRequired", "Clearance"]
    assert sql(planes[0].settings, "SELECT count(*) FROM journal")[0][0] == 1


async def test_the_attempt_after_a_crash_needs_no_second_yes(build, run):
    dead, alive = build(), build()
    asked = large(run, repeatable=True)
    await dead.decide(LENA, yes(await ask(dead, asked)))
    await dead.clear(asked)
    dead.worker.stop()
    clearance = await alive.clear(asked)
    assert (clearance.attempt, clearance.approved_by) == (2, "lena")


@pytest.mark.scenario(36)
async def test_malformed_stays_pending_and_unknown_rejects(plane, run):
    approval_id = await ask(plane, large(run))
    for malformed in ({"approval_id": approval_id}, {"approval_id": approval_id, "decisions": []}):
        with pytest.raises(InvalidInput, match="still pending"):
            await plane.decide(LENA, malformed)
    assert (await plane.approval(approval_id)).state == "pending"
    assert (await plane.decide(LENA, {"approval_id": approval_id, "type": "perhaps"})).state == "rejected"
    with pytest.raises(ApprovalRejected, match="unknown decision 'perhaps'"):
        await plane.clear(large(run))


@pytest.mark.scenario(36)
async def test_a_decision_that_was_not_offered_leaves_it_pending(plane, run):
    approval = await plane.request_approval(large(run), "pay", allowed=("approve", "reject"))
    with pytest.raises(InvalidInput, match="isn't possible here"):
        await plane.decide(LENA, edit(approval.id, LARGE | {"amount": 55_000}))
    assert (await plane.approval(approval.id)).state == "pending"


async def test_a_no_holds_for_the_same_act_wherever_it_is_tried_again(plane, run):
    approval_id = await ask(plane, large(run))
    await plane.decide(LENA, {"approval_id": approval_id, "type": "reject", "message": "too much"})
    for sequence in (1, 2):
        with pytest.raises(ApprovalRejected, match="rejected by lena: too much"):
            await plane.clear(large(run, sequence))


LOWER, LATER = Budget(tokens=50_000), ApprovalRules(expires_hours=2, roles=("claims-lead",))


@pytest.mark.scenario(42)
@pytest.mark.parametrize(
    "changed",
    [
        {"policy": OfficePolicy("v2")},
        {"limits": {"run": LOWER}},
        {"limits": {"approvals": LATER}},
        {"limits": {"confidence": {"read_claim": ConfidenceRule(60)}}},
        {"limits": {"rates": {"tool:*": Rate(30)}}},
    ],
)
async def test_another_policy_version_asks_again(build, plane, run, limits, changed):
    """Where a rule, or a number that rules speak of, has changed meanwhile."""
    old = await ask(plane, large(run))
    await plane.decide(LENA, yes(old))
    unanswered = await ask(plane, large(run, 2, args=LARGE | {"amount": 70_000}))
    now = build(**changed | {"limits": replace(limits, **changed.get("limits", {}))})

    new = await ask(now, large(run))
    assert new != old
    with pytest.raises(InvalidInput, match="another policy"):
        await now.decide(LENA, yes(unanswered))
    await ask(now, large(run, 2, args=LARGE | {"amount": 70_000}))
    assert (await now.approval(unanswered)).state == "void"
    await now.decide(LENA, yes(new))
    assert (await now.clear(large(run))).decision.version == now.version != plane.version
    logged = [e["policy_version"] for e in now.audit.entries(run=run.id, kind="cleared")]
    assert logged == [now.version]


@pytest.mark.scenario(42)
async def test_a_change_that_is_taken_back_is_no_answer(build, plane, run, limits):
    """Neither where a roll-back brings the old rules back, nor where an old process has them still."""
    first = await ask(plane, large(run))
    other = build(limits=replace(limits, approvals=replace(limits.approvals, per_run=2)))
    second = await ask(other, large(run))
    third = await ask(plane, large(run))

    assert len({first, second, third}) == 3
    for void in (first, second):
        with pytest.raises(InvalidInput, match="is void: a policy or a limit changed"):
            await plane.decide(LENA, yes(void))
    await plane.decide(LENA, yes(third))
    assert (await plane.clear(large(run))).approved_by == "lena"


async def test_a_run_that_ends_takes_its_questions_back(plane, run):
    asked = await ask(plane, large(run))
    await plane.store.transact(lambda tx: plane.end(tx, run, {"status": "completed"}))

    assert await plane.pending("harbor") == []
    with pytest.raises(InvalidInput, match="is void: its run has ended"):
        await plane.decide(LENA, yes(asked))


async def test_the_same_yes_again_is_one_decision(plane, run):
    asked = await ask(plane, large(run))
    answers = await asyncio.gather(*(plane.decide(LENA, yes(asked)) for _ in range(3)))

    assert {answer.state for answer in answers} == {"approved"}
    assert len(list(plane.audit.entries(kind="approval_decided"))) == 1


@pytest.mark.scenario(42)
async def test_how_the_log_is_kept_voids_no_yes(build, plane, run, limits):
    await plane.decide(LENA, yes(await ask(plane, large(run))))
    kept = {"legal_hold": "case 17", "legal_holds": {"harbor": "18"}, "keep_audit_days": 400}
    now = build(limits=replace(limits, anchor_interval=20, **kept))

    assert (await now.clear(large(run))).approved_by == "lena"
    assert now.version == plane.version


async def test_a_review_before_the_act_and_the_act_share_one_approval(plane, run):
    review = replace(large(run), actor=replace(large(run).actor, position="claim/review/0"))
    asked = await plane.request_approval(review, "Pay 600.00 EUR")
    assert (await plane.request_approval(review, "again")).id == asked.id
    assert await ask(plane, large(run)) == asked.id
    await plane.decide(LENA, yes(asked.id))
    assert (await plane.clear(large(run))).approved_by == "lena"
    assert (await plane.request_approval(review, "again")).state == "consumed"


async def test_a_grant_does_not_serve_another_run_or_other_arguments(plane, run):
    await plane.decide(LENA, yes(await ask(plane, large(run))))
    other = await plane.open_run(graph="g", user=SAM, contract=run.contract, input={})
    await ask(plane, large(other))
    await ask(plane, large(run, args=LARGE | {"amount": 60_001}))
    await plane.clear(large(run))


async def test_a_yes_counts_for_nothing_where_policy_forbids_it_by_now(plane, run, policy, monkeypatch):
    await plane.decide(LENA, yes(await ask(plane, large(run))))
    first = policy.decide(large(run), approved=False)
    no = replace(first, effect=Effect.DENY, reason="payments are frozen")
    monkeypatch.setattr(type(policy), "decide", lambda *_, approved, **__: no if approved else first)
    with pytest.raises(Denied, match="frozen"):
        await plane.clear(large(run))


async def test_pending_is_listed_by_tenant_and_role(plane, run):
    approval_id = await ask(plane, large(run))
    assert [a.id for a in await plane.pending("harbor")] == [approval_id]
    assert [a.id for a in await plane.pending("harbor", "claims-lead")] == [approval_id]
    assert await plane.pending("harbor", "auditor") == []
    assert await plane.pending("lakeside") == []
