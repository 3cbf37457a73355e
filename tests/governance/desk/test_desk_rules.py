"""The desk's rules, case by case; each case changes its answer when the file with its rule is gone."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cedarpy import PolicySet

from governance.acts import Act, Decision, Effect, Seam
from governance.contract import Contract
from governance.policy import POLICIES, PolicyEngine, PolicyError, load_policy
from governance.principals import Actor, AgentIdentity, Run, User

SAM = User("sam", "harbor", frozenset({"customer-agent"}))
LENA = User("lena", "harbor", frozenset({"claims-lead"}))
HANNA = User("hanna", "harbor", frozenset({"claims-handler"}))
ARIS = User("aris", "harbor", frozenset({"auditor"}))
OTTO = User("otto", "harbor", frozenset({"operator"}))
NOAH = User("noah", "lakeside", frozenset({"claims-lead"}))
TRUSTED = {
    "customers": frozenset({"C-10001"}),
    "policies": frozenset({"HM-200001"}),
    "invoices": frozenset({"INV-300001"}),
    "claims": frozenset({"CL-400001"}),
    "accounts": frozenset({"<iban:aaaaaaaaaaaa>"}),
}
ALLOW, APPROVE, DENY = Effect.ALLOW, Effect.APPROVE, Effect.DENY
TEXT, NUMBER = {"type": "string"}, {"type": "integer"}


@dataclass(frozen=True)
class Surface:
    name: str
    schema: dict[str, Any]
    risk: str = "low"
    writes: bool = False
    undo: str | None = None


def reads(name: str, *args: str) -> Surface:
    return Surface(name, arguments(args))


def writes(name: str, *args: str, risk: str = "medium", undo: str | None = "something") -> Surface:
    return Surface(name, arguments(args), risk, True, undo)


def arguments(names: tuple[str, ...]) -> dict[str, Any]:
    types = {name.rstrip("?"): NUMBER if name == "amount" else TEXT for name in names}
    optional = {name.rstrip("?"): {"anyOf": [TEXT, {"type": "null"}]} for name in names if name.endswith("?")}
    required = [name for name in names if not name.endswith("?")]
    return {"type": "object", "properties": types | optional, "required": required}


TOOLS = (
    reads("find_customer", "customer_id"),
    reads("list_policies", "customer_id"),
    reads("get_policy", "policy_number"),
    reads("list_invoices", "customer_id"),
    reads("get_invoice", "invoice_number"),
    reads("get_claim", "claim_id"),
    reads("list_claims", "customer_id"),
    reads("list_contacts", "customer_id"),
    reads("search_wording", "question", "product?"),
    reads("check_coverage", "policy_number", "peril", "loss_date"),
    reads("assess_amount", "policy_number", "peril", "loss_date", "amount"),
    writes("open_claim", "policy_number", "peril", "loss_date", "amount", "invoice_number?"),
    writes("settle_claim", "claim_id", "decision", "amount", "reason"),
    writes("pay_claim", "claim_id", "amount", "iban", risk="high"),
    writes("recall_payment", "payment_id"),
    writes("withdraw_claim", "claim_id"),
    writes("reopen_claim", "claim_id"),
    writes("add_note", "customer_id", "kind", "text"),
    writes("remove_note", "note_id"),
    writes("send_letter", "customer_id", "template", "claim_id?", "reason"),
    writes("cancel_letter", "letter_id"),
    writes("change_address", "customer_id", "street", "city"),
    writes("change_account", "customer_id", "iban", risk="high"),
    reads("claim_signals", "claim_id"),
    reads("compare_cost", "claim_id"),
    reads("claim_history", "claim_id"),
    reads("check_letter", "claim_id", "text"),
    reads("measure", "quantity"),
    writes("draw_chart", "title", risk="low"),
    writes("remove_chart", "run_id", risk="low"),
)


def act(kind: str, seam: Seam, action: str, resource: tuple[str, str], **parts: Any) -> Act:
    contract = Contract({}, parts.pop("trusted", TRUSTED))
    user = parts.pop("user", SAM)
    run = Run("r1", "t1", "g", user, "C-10001", parts.pop("verified", "sender"), "v", contract)
    actor = Actor(AgentIdentity(parts.pop("name", kind), kind, "1", "desk"), run)
    return Act(seam, actor, action, resource, parts.pop("args", {}), "hash", 1, facts=parts)


def call(kind: str, tool: str, /, *, given: dict[str, Any] | None = None, **args: Any) -> Act:
    return act(kind, Seam.TOOL, tool, ("Tool", tool), args=args, **(given or {}))


def model(kind: str = "claims", **facts: Any) -> Act:
    parts = {"provider": "openai", "model": "m", "remote": True} | facts
    return act(kind, Seam.MODEL, "call_model", ("Model", "worker"), **parts)


def route(kind: str, to: str, *, resource: str = "x", **facts: Any) -> Act:
    return act(kind, Seam.ROUTE, "route", ("Agent", resource), to=to, **facts)


def memory(kind: str, action: str = "read_memory", collection: str = "wordings", **facts: Any) -> Act:
    return act(kind, Seam.MEMORY, action, ("Collection", collection), **facts)


def deliver(**facts: Any) -> Act:
    parts = {"channel": "requester", "personal": False} | facts
    return act("delivery", Seam.DELIVERY, "deliver", ("Channel", "requester"), **parts)


def pay(amount: Any = 50_000, kind: str = "claims", **changes: Any) -> Act:
    args = {"claim_id": "CL-400001", "amount": amount, "iban": "<iban:aaaaaaaaaaaa>"}
    given = {name: changes.pop(name) for name in ("verified", "user", "trusted") if name in changes}
    already = changes.pop("already", 0)
    return call(
        kind, "pay_claim", given=given | ({} if already is None else {"already": already}), **(args | changes)
    )


@dataclass(frozen=True)
class Case:
    """One question to policy, the answer, and the files without which the answer is another."""

    name: str
    act: Act
    effect: Effect
    policy: str
    file: str | None
    without: Effect = field(default=ALLOW)


ADDRESS = {"customer_id": "C-10001", "street": "Lindenweg 1", "city": "Kiel"}
NOTE = {"customer_id": "C-10001", "kind": "call", "text": "rang"}
OPEN = {"policy_number": "HM-200001", "peril": "storm", "loss_date": "2026-01-02", "amount": 100}
ACCOUNT = {"customer_id": "C-10001", "iban": "<iban:bbbbbbbbbbbb>"}
CASES = [
    Case("small", pay(50_000), ALLOW, "pay-within-authority", "desk/payments.cedar", DENY),
    Case("large", pay(50_001), APPROVE, "pay-with-approval", "desk/payments.cedar", DENY),
    Case(
        "second of one loss",
        pay(49_900, already=101),
        APPROVE,
        "pay-with-approval",
        "desk/payments.cedar",
        DENY,
    ),
    Case(
        "no word of others", pay(1, already=None), APPROVE, "pay-with-approval", "desk/payments.cedar", DENY
    ),
    Case("zero", pay(0), DENY, "amounts-are-positive", "desk/claims.cedar", DENY),
    Case("below zero", pay(-5), DENY, "amounts-are-positive", "desk/claims.cedar", DENY),
    Case(
        "foreign account",
        pay(iban="<iban:bbbbbbbbbbbb>"),
        DENY,
        "only-own-account",
        "desk/payments.cedar",
        DENY,
    ),
    Case("foreign claim", pay(claim_id="CL-9"), DENY, "only-own-claims", "desk/records.cedar"),
    Case("unverified pays", pay(verified="no"), DENY, "unverified-changes-nothing", "desk/records.cedar"),
    Case("auditor's run pays", pay(user=ARIS), DENY, "auditors-change-nothing", "tools.cedar"),
    Case("letters pays", pay(kind="letters"), DENY, "", None),
    Case(
        "own customer",
        call("service", "find_customer", customer_id="C-10001"),
        ALLOW,
        "records-are-read",
        "desk/reading.cedar",
        DENY,
    ),
    Case(
        "foreign customer",
        call("service", "find_customer", customer_id="C-2"),
        DENY,
        "only-own-customer",
        "desk/records.cedar",
    ),
    Case(
        "foreign policy",
        call("coverage", "get_policy", policy_number="HM-1"),
        DENY,
        "only-own-policies",
        "desk/records.cedar",
    ),
    Case(
        "foreign invoice",
        call("claims", "get_invoice", invoice_number="I"),
        DENY,
        "only-own-invoices",
        "desk/records.cedar",
    ),
    Case(
        "optional foreign invoice",
        call("claims", "open_claim", **OPEN, invoice_number="I"),
        DENY,
        "only-own-invoices",
        "desk/records.cedar",
    ),
    Case(
        "claim without invoice",
        call("claims", "open_claim", **OPEN, invoice_number=None),
        ALLOW,
        "claims-are-opened",
        "desk/claims.cedar",
        DENY,
    ),
    Case(
        "optional foreign claim",
        call("letters", "send_letter", customer_id="C-10001", template="t", reason="r", claim_id="CL-9"),
        DENY,
        "only-own-claims",
        "desk/records.cedar",
    ),
    Case(
        "open for nothing",
        call("claims", "open_claim", **(OPEN | {"amount": 0})),
        DENY,
        "amounts-are-positive",
        "desk/claims.cedar",
        DENY,
    ),
    Case(
        "coverage checks",
        call("coverage", "check_coverage", policy_number="HM-200001", peril="fire", loss_date="2026-01-01"),
        ALLOW,
        "coverage-is-checked",
        "desk/claims.cedar",
        DENY,
    ),
    Case(
        "decline",
        call("claims", "settle_claim", claim_id="CL-400001", decision="decline", amount=0, reason="r"),
        ALLOW,
        "claims-are-settled",
        "desk/claims.cedar",
        DENY,
    ),
    Case(
        "take back",
        call("claims", "recall_payment", payment_id="P"),
        APPROVE,
        "claims-are-corrected",
        "desk/claims.cedar",
        DENY,
    ),
    Case(
        "note",
        call("service", "add_note", given={"verified": "no"}, **NOTE),
        ALLOW,
        "notes-are-taken",
        "desk/service.cedar",
        DENY,
    ),
    Case(
        "address",
        call("service", "change_address", **ADDRESS),
        ALLOW,
        "addresses-are-changed",
        "desk/service.cedar",
        DENY,
    ),
    Case(
        "unverified address",
        call("service", "change_address", given={"verified": "no"}, **ADDRESS),
        DENY,
        "unverified-changes-nothing",
        "desk/records.cedar",
    ),
    Case(
        "account",
        call("service", "change_account", **ACCOUNT),
        APPROVE,
        "account-changes-are-approved",
        "desk/service.cedar",
        DENY,
    ),
    Case(
        "front door has no tools", call("front-door", "find_customer", customer_id="C-10001"), DENY, "", None
    ),
    Case("remote model", model(), ALLOW, "desk-agents-ask-models", "desk/models.cedar", DENY),
    Case("secret to remote", model(secret=True), DENY, "secrets-stay-here", "models.cedar"),
    Case(
        "secret stays",
        model(secret=True, remote=False),
        ALLOW,
        "desk-agents-ask-models",
        "desk/models.cedar",
        DENY,
    ),
    Case(
        "tenant without remote",
        model(user=User("x", "moor", frozenset())),
        DENY,
        "remote-models-by-tenant",
        "desk/models.cedar",
        DENY,
    ),
    Case("unknown kind", model("stranger"), DENY, "", None),
    Case(
        "pattern",
        route("front-door", "pattern", resource="sequential"),
        ALLOW,
        "front-door-picks-a-pattern",
        "desk/front-door.cedar",
        DENY,
    ),
    Case("unknown pattern", route("front-door", "pattern", resource="swarm"), DENY, "", None),
    Case(
        "handover", route("billing", "technical"), ALLOW, "specialists-hand-over", "desk/routes.cedar", DENY
    ),
    Case("undeclared edge", route("letters", "claims"), DENY, "", None),
    Case("made-up from", route("letters", "claims", **{"from": "billing"}), DENY, "", None),
    Case(
        "to oneself",
        route("billing", "billing", resource="billing"),
        DENY,
        "no-route-to-oneself",
        "routes.cedar",
    ),
    Case("wordings", memory("answers"), ALLOW, "wordings-are-read", "desk/memory.cedar", DENY),
    Case("a person reads wordings", memory("person"), ALLOW, "wordings-are-read", "desk/memory.cedar", DENY),
    Case(
        "a person has the floor",
        route("chair", "person"),
        ALLOW,
        "the-chair-gives-people-and-patterns-the-floor",
        "teams.cedar",
        DENY,
    ),
    Case("intake has no memory", memory("intake"), DENY, "", None),
    Case(
        "rewrite wordings",
        memory("claims", "write_memory"),
        DENY,
        "nobody-writes-wordings",
        "desk/memory.cedar",
        DENY,
    ),
    Case(
        "foreign memory",
        memory("answers", of_tenant="lakeside"),
        DENY,
        "memory-stays-in-its-tenant",
        "memory.cedar",
    ),
    Case("answer", deliver(personal=True), ALLOW, "answers-are-delivered", "delivery.cedar", DENY),
    Case(
        "other channel", deliver(channel="fax"), DENY, "only-the-requesters-channel", "delivery.cedar", DENY
    ),
    Case(
        "personal, unverified",
        deliver(personal=True, verified="no"),
        DENY,
        "personal-data-only-to-the-verified",
        "delivery.cedar",
        DENY,
    ),
]


@cache
def engine() -> PolicyEngine:
    return load_policy(tools=TOOLS)


@pytest.fixture
def changed(tmp_path: Path) -> Callable[..., PolicyEngine]:
    """The policies without a file, or with some policies of it taken out."""

    def load(file: str, *policies: str) -> PolicyEngine:
        folder = tmp_path / "policies"
        shutil.copytree(POLICIES, folder)
        text = (folder / file).read_text()
        kept = (
            []
            if not policies
            else [
                part for part in text.split("@id(") if not part.startswith(tuple(f'"{p}"' for p in policies))
            ]
        )
        (folder / file).write_text("@id(".join(kept))
        return load_policy((folder,), TOOLS)

    return load


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_answer(case: Case) -> None:
    decision = engine().decide(case.act, approved=False)

    assert decision.effect is case.effect, decision
    if case.policy:
        assert case.policy in decision.policies
    else:
        assert decision.policies == ()
        assert decision.reason.startswith("no policy permits")
    if case.effect is APPROVE:
        assert engine().decide(case.act, approved=True).effect is ALLOW
    if case.effect is DENY:
        assert engine().decide(case.act, approved=True).effect is DENY


@pytest.mark.parametrize("case", [c for c in CASES if c.file], ids=lambda case: case.name)
def test_without_its_file_the_answer_rests_on_something_else(
    case: Case, changed: Callable[..., PolicyEngine]
) -> None:
    decision = changed(case.file).decide(case.act, approved=False)

    assert decision.effect is case.without, decision
    assert case.policy not in decision.policies


@pytest.mark.parametrize(
    ("case", "policies"),
    [
        ("foreign account", ["only-own-account"]),
        ("tenant without remote", ["remote-models-by-tenant"]),
        ("other channel", ["only-the-requesters-channel"]),
        ("personal, unverified", ["personal-data-only-to-the-verified"]),
        ("open for nothing", ["amounts-are-positive"]),
    ],
)
def test_a_forbid_beside_its_permit_is_what_denies(
    case: str, policies: list[str], changed: Callable[..., PolicyEngine]
) -> None:
    found = next(c for c in CASES if c.name == case)
    file = str(found.file)
    assert changed(file, *policies).decide(found.act, approved=False).effect is ALLOW


PEOPLE = [
    (SAM, "start_run", "harbor", "sam", ALLOW),
    (ARIS, "start_run", "harbor", "aris", DENY),
    (SAM, "read_run", "harbor", "sam", ALLOW),
    (SAM, "read_run", "harbor", "other", DENY),
    (HANNA, "read_run", "harbor", "sam", ALLOW),
    (OTTO, "cancel_run", "harbor", "sam", ALLOW),
    (HANNA, "cancel_run", "harbor", "sam", DENY),
    (OTTO, "retire_audit", "harbor", None, ALLOW),
    (OTTO, "retire_audit", "harbor", "olga", ALLOW),
    (OTTO, "retire_audit", "harbor", "otto", DENY),
    (ARIS, "retire_audit", "harbor", "otto", DENY),
    (ARIS, "read_audit", "harbor", None, ALLOW),
    (SAM, "read_audit", "harbor", None, DENY),
    (LENA, "decide_approval", "harbor", "sam", ALLOW),
    (LENA, "decide_approval", "harbor", "lena", DENY),
    (HANNA, "decide_approval", "harbor", "sam", DENY),
    (NOAH, "decide_approval", "harbor", "sam", DENY),
    (NOAH, "read_run", "harbor", "noah", DENY),
    (LENA, "fly", "harbor", "sam", DENY),
]


@pytest.mark.parametrize(("user", "action", "tenant", "owner", "effect"), PEOPLE)
def test_people(user: User, action: str, tenant: str, owner: str | None, effect: Effect) -> None:
    assert engine().permit(user, action, tenant=tenant, owner=owner).effect is effect


def test_without_the_people_file_a_lead_approves_their_own(changed: Callable[..., PolicyEngine]) -> None:
    policies = changed("people.cedar")
    assert policies.permit(LENA, "decide_approval", tenant="harbor", owner="lena").effect is ALLOW
    assert policies.permit(NOAH, "decide_approval", tenant="harbor", owner="sam").effect is ALLOW


def test_what_the_run_opened_itself_is_trusted() -> None:
    paid = pay(claim_id="CL-400099")
    assert engine().decide(paid, approved=False).effect is DENY
    decision: Decision = engine().decide(paid, approved=False, also_trusted={"claims": {"CL-400099"}})
    assert decision.effect is ALLOW


def test_a_tool_less_than_the_policies_name_stops_the_start() -> None:
    with pytest.raises(
        PolicyError,
        match=r"desk/claims\.cedar: policy amounts-are-positive: there is no tool or action pay_claim",
    ):
        load_policy(tools=[tool for tool in TOOLS if tool.name != "pay_claim"])


def test_the_rest_works_without_the_desk(tmp_path: Path) -> None:
    shutil.copytree(POLICIES, tmp_path / "policies", ignore=shutil.ignore_patterns("desk"))
    policies = load_policy((tmp_path / "policies",), ())
    assert policies.decide(model(), approved=False).effect is DENY
    assert policies.permit(OTTO, "cancel_run", tenant="harbor", owner="sam").effect is ALLOW


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_policies_about_other_tools_change_nothing(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = load_policy(tools=TOOLS)
    monkeypatch.setattr(whole, "_about", lambda _action: PolicySet.from_str(whole.files.text))
    for approved in (False, True):
        assert whole.decide(case.act, approved=approved) == engine().decide(case.act, approved=approved)
