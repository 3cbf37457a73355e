"""The rules of investigations: off but for the tenants listed, numbers only, plans that lay unanswered."""

from __future__ import annotations

import pytest

from governance.acts import Effect
from governance.policy import PolicyEngine, load_policy
from governance.principals import User
from nodes.desk.admission import TOOLBOX
from tests.governance.desk.test_desk_rules import HANNA, LENA, NOAH, OTTO, SAM, call, model, route

ALLOW, APPROVE, DENY = Effect.ALLOW, Effect.APPROVE, Effect.DENY
MIA = User("mia", "lakeside", frozenset({"customer-agent"}))


@pytest.fixture(scope="module")
def policy() -> PolicyEngine:
    return load_policy(tools=TOOLBOX.surfaces())


@pytest.mark.parametrize(
    ("user", "graph", "effect"),
    [
        (SAM, "magentic", ALLOW),
        (LENA, "magentic", ALLOW),
        (MIA, "magentic", DENY),
        (NOAH, "magentic", DENY),
        (MIA, "sequential", ALLOW),
    ],
)
def test_a_tenant_has_investigations_or_not(policy, user, graph, effect):
    decided = policy.permit(user, "start_run", tenant=user.tenant, owner=user.id, graph=graph)

    assert decided.effect is effect
    assert effect is ALLOW or "off for this tenant" in decided.reason


@pytest.mark.parametrize(("user", "effect"), [(SAM, ALLOW), (MIA, DENY)])
def test_nor_does_the_front_door_lead_there(policy, user, effect):
    asked = route("front-door", "pattern", resource="magentic", user=user)

    assert policy.decide(asked, approved=True).effect is effect


@pytest.mark.parametrize(
    ("asked", "effect"),
    [
        (call("investigation", "measure", quantity="complaints", given={"verified": "no"}), ALLOW),
        (call("investigation", "search_wording", question="how soon?"), ALLOW),
        (call("investigation", "find_customer", customer_id="C-10001"), DENY),
        (call("investigation", "list_claims", customer_id="C-10001"), DENY),
        (call("investigation", "add_note", customer_id="C-10001", kind="note", text="x"), DENY),
        (call("investigation-lead", "measure", quantity="complaints"), DENY),
        (call("service", "measure", quantity="complaints"), DENY),
        (call("investigation", "draw_chart", panels=[], given={"verified": "no"}), ALLOW),
        (call("investigation", "remove_chart", run_id="run-1"), APPROVE),
        (route("investigation-lead", "investigation"), ALLOW),
        (route("investigation-lead", "claims"), DENY),
        (route("investigation", "investigation"), DENY),
        (model("investigation-lead"), ALLOW),
    ],
)
def test_investigators_measure_and_read_and_do_nothing_else(policy, asked, effect):
    decided = policy.decide(asked, approved=False)

    assert decided.effect is effect, decided.reason


@pytest.mark.parametrize(("user", "effect"), [(LENA, ALLOW), (OTTO, ALLOW), (HANNA, DENY)])
def test_who_may_answer_at_all(policy, user, effect):
    """Which of them answers what is in `limits.toml`: an operator only what was left lying."""
    assert policy.permit(user, "decide_approval", tenant="harbor", owner="sam").effect is effect
