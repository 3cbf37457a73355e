"""A name in a policy that nobody has: Cedar takes it, and the rule would never apply."""

from __future__ import annotations

from pathlib import Path

import pytest

from governance.limits import load_limits
from governance.policy_names import unknown_names

KNOWN = {
    "AgentKind": {"claims", "service"},
    "Agent": {"decide", "casework"},
    "Role": {"claims-lead", "auditor"},
    "User": {"lena"},
    "Tenant": {"harbor", "lakeside"},
    "Tool": {"pay_claim"},
    "action": {"pay_claim", "ask_human"},
    "Graph": {"direct"},
    "Person": {"medic"},
}
HEAD = '// AgentKind::"nobody" is only talked of.\n@id("a")\n@reason("AgentKind::\'x\'")\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "policies" / "desk").mkdir(parents=True)
    (tmp_path / "policies" / "limits.toml").write_text('[approvals]\nroles = ["claims-lead"]\n')
    return tmp_path / "policies"


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (
            'principal in AgentKind::"clams"',
            "line 4: no agent is of the kind clams; the nearest is claims",
        ),
        ('principal == Agent::"decidee"', "no agent or pattern is called decidee; the nearest is decide"),
        ('principal in Role::"claims_lead"', "nobody in users.toml has the role claims_lead; the"),
        ('resource == Tool::"pay_clam"', "there is no tool pay_clam; the nearest is pay_claim"),
        ('principal == User::"lina"', "nobody in users.toml is called lina; the nearest is lena"),
        ('context.tenant == "harbr"', "nobody in users.toml is of the tenant harbr; the nearest is harbor"),
        ('"harbr" != resource.tenant', "the tenant harbr; the nearest is harbor"),
        ('["lakeside",\n "harbr"].contains(context.tenant)', "line 5: nobody in users.toml is of the"),
        ('["service", "clams"].contains(context.to)', "kind clams; the nearest is claims"),
        ('context.user_roles.contains("auditer")', "the role auditer; the nearest is auditor"),
        ('context.user_roles.containsAny(["auditor", "auditer"])', "auditer; the nearest is auditor"),
        ('context.graph == "zzz"', "there is no graph zzz; the nearest is direct"),
    ],
)  # fmt: skip
def test_an_unknown_name_in_a_policy_is_told_with_its_line_and_the_nearest(folder, rule, said):
    (folder / "desk" / "own.cedar").write_text(
        f"{HEAD}forbid (principal, action, resource) when {{ {rule} }};"
    )

    (found,) = unknown_names([folder], load_limits(folder=folder), KNOWN)

    assert found.startswith("policies/desk/own.cedar, line ")
    assert said in found


def test_names_that_exist_and_values_that_are_no_names_are_left_alone(folder):
    (folder / "desk" / "own.cedar").write_text(
        f'{HEAD}permit (principal in AgentKind::"claims", action == Action::"pay_claim", resource)\n'
        'when { ["claims"].contains(context.to) && context.args.to == "anyone" };'
    )

    assert unknown_names([folder], load_limits(folder=folder), KNOWN) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[people.medik]\nroles = ["claims-lead"]', "line 1: no person has a place in a team as medik;"),
        ('[people.medic]\nroles = ["claims-led"]', "line 2: nobody in users.toml has the role claims-led"),
        ('[people.medic]\nroles = ["auditor"]\ndeputy = ["ops"]', "line 3: nobody in users.toml has the"),
        ('[approvals]\nroles = ["aprover"]', "line 2: nobody in users.toml has the role aprover;"),
        ("[confidence]\npay_clam = { least = 60 }", "line 2: there is no tool pay_clam; the nearest"),
        ("[confidence]\nask_human = { least = 60 }", "line 2: there is no tool ask_human; the nearest is"),
        ('# asc_human\n[approvals.actions]\nasc_human = ["auditor"]', "line 3: there is no tool or action"),
        ("[workers.caseworc]\nseconds = 1", "line 1: no agent or pattern is called caseworc; the nearest is"),
        ('[rates]\n"tool:*" = {per_minute = 1}\n"tool:pay" = {per_minute = 1}', "line 3: there is no tool"),
    ],
)  # fmt: skip
def test_so_is_an_unknown_name_in_the_limits(folder, text, said):
    (folder / "desk" / "limits.toml").write_text(text)

    (found,) = unknown_names([folder], load_limits(folder=folder), KNOWN)

    assert found.startswith("policies/desk/limits.toml, ")
    assert said in found
