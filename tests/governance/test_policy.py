"""The policy engine: it answers from clean files only, and anything unclear is a no."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from governance.acts import Act, Decision, Effect, Seam
from governance.cedar_schema import tool_action
from governance.contract import Contract
from governance.policy import POLICIES, PolicyEngine, PolicyError, declare_tools, load_policy
from governance.principals import Actor, AgentIdentity, Run, User

BASE = (POLICIES / "tower.cedarschema").read_text()
TEXT, NUMBER = {"type": "string"}, {"type": "integer"}
FORBID_BUY = '@id("x") forbid (principal, action == Action::"buy", resource)'
RULES = """
@id("small") permit (principal in AgentKind::"cook", action == Action::"buy", resource)
when { context.args.price <= 100 };
@id("large") @reason("Ask the owner.")
permit (principal in AgentKind::"cook", action == Action::"buy", resource) when { context.approved };
@id("known-shops") @reason("We don't know this shop.")
forbid (principal, action == Action::"buy", resource)
when { context.args has shop && !context.trusted.shops.contains(context.args.shop) };
@id("no-overflow") forbid (principal, action == Action::"buy", resource)
when { context.args has factor && context.args.price * context.args.factor < 0 };
"""


@dataclass(frozen=True)
class Surface:
    name: str
    schema: dict[str, Any]
    risk: str = "low"
    writes: bool = True
    undo: str | None = None


def record(required: tuple[str, ...] = (), **fields: Any) -> dict[str, Any]:
    return {"type": "object", "properties": fields, "required": list(required)}


BUY = Surface("buy", record(("price",), price=NUMBER, shop=TEXT, factor=NUMBER))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "tower.cedarschema").write_text(BASE)
    (folder / "shop.cedar").write_text(RULES)
    (folder / "trusted.toml").write_text('shops = "shops that we know"\n')
    (folder / "owners.toml").write_text('"*" = "shop-team"\n')
    return folder


def load(folder: Path, *tools: Surface) -> PolicyEngine:
    return load_policy((folder,), tools or (BUY,))


def buy(price: Any = 100, **changes: Any) -> Act:
    contract = Contract({}, changes.pop("trusted", {"shops": frozenset({"market"})}))
    run = Run("r", "t", "g", User("ann", "home", frozenset({"owner"})), None, "no", "v", contract)
    actor = Actor(AgentIdentity("anna", changes.pop("kind", "cook"), "1", "kitchen"), run)
    action, resource = changes.pop("action", "buy"), changes.pop("resource", ("Tool", "buy"))
    seam, facts = changes.pop("seam", Seam.TOOL), changes.pop("facts", {})
    return Act(seam, actor, action, resource, {"price": price, **changes}, "h", 1, facts=facts)


def ask(folder: Path, act: Act, *, approved: bool = False) -> Decision:
    return load(folder).decide(act, approved=approved)


def test_allow_approve_and_deny_name_what_they_rest_on(folder: Path) -> None:
    assert ask(folder, buy(100)).policies == ("small",)
    asked = ask(folder, buy(101))
    assert (asked.effect, asked.policies, asked.reason) == (Effect.APPROVE, ("large",), "Ask the owner.")
    assert ask(folder, buy(101), approved=True).effect is Effect.ALLOW
    refused = ask(folder, buy(1, shop="stall"))
    assert (refused.effect, refused.policies) == (Effect.DENY, ("known-shops",))
    assert refused.reason == "We don't know this shop."


def test_nobody_permitted_it(folder: Path) -> None:
    refused = ask(folder, buy(1, kind="guest"))
    assert (refused.effect, refused.policies) == (Effect.DENY, ())
    assert refused.reason == "no policy permits guest agents to buy"


def test_missing_sets_are_empty_and_undeclared_ones_are_no_matter(folder: Path) -> None:
    assert ask(folder, buy(1, shop="market", trusted={})).effect is Effect.DENY
    assert ask(folder, buy(1, trusted={"moons": frozenset({"io"})})).effect is Effect.ALLOW


def test_nulls_are_left_out(folder: Path) -> None:
    assert ask(folder, buy(1, shop=None)).effect is Effect.ALLOW


@pytest.mark.parametrize(
    "bad",
    [
        buy(1.0),
        buy(2**63),
        buy(-(2**63) - 1),
        buy("1"),
        buy(True),
        buy(None),
        buy(1, colour="red"),
        buy(1, shop=b"market"),
        buy(1, shop={"__entity": {"type": "Role", "id": "owner"}}),
        buy(1, shop={"__extn": {"fn": "ip", "arg": "::1"}}),
        buy(1, shop=["market"]),
        buy(2**62, factor=2**62),
        buy(1, action="sell", resource=("Tool", "sell")),
        buy(1, resource=("Tool", "look")),
        buy(1, seam=Seam.ROUTE),
        buy(1, facts={"surprise": 1}),
        buy(1, action="call"),
        buy(1, seam=Seam.MODEL, action="nothing", resource=("Model", "m")),
    ],
)
@pytest.mark.parametrize("approved", [False, True])
def test_what_policy_cannot_weigh_is_denied(folder: Path, bad: Act, *, approved: bool) -> None:
    refused = ask(folder, bad, approved=approved)
    assert refused.effect is Effect.DENY
    assert refused.reason


def test_a_forbid_that_fails_to_evaluate_is_not_skipped(folder: Path) -> None:
    (folder / "all.cedar").write_text('@id("all") permit (principal, action, resource);')
    assert ask(folder, buy(1, factor=2)).effect is Effect.ALLOW
    assert ask(folder, buy(2**62, factor=2**62)).effect is Effect.DENY


@pytest.mark.parametrize("name", ["approved", "verified", "tenant", "user_roles", "trusted"])
def test_facts_cannot_take_the_place_of_what_is_known(folder: Path, name: str) -> None:
    forged = {"approved": True, "verified": "sender", "tenant": "x", "user_roles": ["auditor"]}
    facts = {name: forged.get(name, {"shops": ["stall"], "channels": []})}
    assert ask(folder, buy(101, facts=facts)).effect is Effect.APPROVE
    assert ask(folder, buy(1, shop="stall", facts=facts)).effect is Effect.DENY


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('@id("x") permit (principal, action', r"shop\.cedar: .* begins at line 1"),
        (f'{FORBID_BUY};\n\n@id("y")\nforbid (principal, action, resource)\n', r"shop\.cedar: .*at line 3"),
        (
            '@id("x") permit (principal, action == Action::"sell", resource);',
            r"shop\.cedar: policy x: there is no tool or action sell",
        ),
        (
            '@id("x") forbid (principal, action, resource) when { context.prize == 1 };',
            r"shop\.cedar: policy x: .*prize",
        ),
        (
            f'{FORBID_BUY} when {{ context.args.shop == "a" }};',
            r"policy x: .*shop",
        ),
        (
            f'{FORBID_BUY} when {{ context.trusted.shop.contains("a") }};',
            "policy x: .*shop",
        ),
        ("permit (principal, action, resource);", r"shop\.cedar: policy0 needs an @id"),
        (
            '@id("x") permit (principal, action, resource); @id("x") forbid (principal, action, resource);',
            "needs an @id",
        ),
        ('@id("x") permit (principal == ?principal, action, resource);', "templates"),
    ],
)
def test_a_broken_policy_stops_the_start_and_is_named(folder: Path, text: str, says: str) -> None:
    (folder / "shop.cedar").write_text(text)
    with pytest.raises(PolicyError, match=says):
        load(folder)


def test_an_id_in_two_files_stops_the_start(folder: Path) -> None:
    (folder / "again.cedar").write_text(RULES)
    with pytest.raises(PolicyError, match="already a policy"):
        load(folder)


def test_no_folder_an_empty_one_or_an_unreadable_file_stop_the_start(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="no policies"):
        load(tmp_path / "nowhere")
    (folder / "latin.cedar").write_bytes(b"// caf\xe9")
    with pytest.raises(PolicyError, match=r"latin\.cedar can't be read"):
        load(folder)


def test_a_broken_schema_stops_the_start(folder: Path) -> None:
    (folder / "tower.cedarschema").write_text("entity ;")
    with pytest.raises(PolicyError, match="schema"):
        load(folder)
    (folder / "tower.cedarschema").unlink()
    with pytest.raises(PolicyError, match="schema"):
        load(folder)


def test_the_version_is_the_content(folder: Path) -> None:
    before = load(folder).version
    assert load(folder).version == before
    assert load(folder, BUY, Surface("look", record())).version != before
    with (folder / "shop.cedar").open("a") as file:
        file.write("// one more word\n")
    after = load(folder).version
    assert after != before
    assert len(after) == 12


def test_somebody_answers_for_every_policy(folder: Path) -> None:
    assert set(load(folder).owners.values()) == {"shop-team"}
    (folder / "below").mkdir()
    (folder / "below" / "more.cedar").write_text(
        '@id("a") @owner("me") permit (principal, action, resource);'
    )
    (folder / "owners.toml").write_text('shop = "others"\n"*" = "rest"\n')
    owners = load(folder).owners
    assert (owners["a"], {owners[name] for name in owners if name != "a"}) == ("me", {"others"})
    (folder / "below" / "more.cedar").write_text('@id("a") permit (principal, action, resource);')
    assert load(folder).owners["a"] == "rest"
    (folder / "owners.toml").write_text('shop = "others"\n')
    with pytest.raises(PolicyError, match=r"more\.cedar: nobody answers for policy a"):
        load(folder)
    (folder / "owners.toml").write_text("shop = 1\n")
    with pytest.raises(PolicyError, match=r"owners\.toml: each line"):
        load(folder)


def test_declared_tools_are_known(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("governance.policy._declared", {})
    with pytest.raises(PolicyError, match="no tool or action buy"):
        load_policy((folder,))
    declare_tools([BUY])
    assert load_policy((folder,)).decide(buy(1), approved=False).effect is Effect.ALLOW


def test_the_irreversible_and_harmful_needs_a_person(folder: Path) -> None:
    (folder / "tools.cedar").write_text((POLICIES / "tools.cedar").read_text())
    harmful = Surface("buy", BUY.schema, "high")
    decision = load(folder, harmful).decide(buy(1), approved=False)
    assert (decision.effect, decision.policies) == (
        Effect.APPROVE,
        ("irreversible-needs-approval", "large", "small"),
    )
    assert (
        load(folder, Surface("buy", BUY.schema, "high", undo="return")).decide(buy(1), approved=False).effect
        is Effect.ALLOW
    )


@pytest.mark.parametrize(
    ("schema", "cedar"),
    [
        (record(("a",), a=TEXT), '{"a": String}'),
        (record(a=NUMBER), '{"a"?: Long}'),
        (record(("a",), a={"type": "boolean"}), '{"a": Bool}'),
        (record(("a",), a={"type": "string", "format": "date"}), '{"a": String}'),
        (record(("a",), a={"enum": ["x", "y"]}), '{"a": String}'),
        (record(("a",), a={"const": "x"}), '{"a": String}'),
        (record(("a",), a={"type": "array", "items": TEXT}), '{"a": Set<String>}'),
        (record(("a",), a={"anyOf": [TEXT, {"type": "null"}]}), '{"a"?: String}'),
        (record(("a",), a=record(("b",), b=NUMBER)), '{"a": {"b": Long}}'),
        (record(("a",), a={"$ref": "#/$defs/P"}) | {"$defs": {"P": {"enum": ["fire"]}}}, '{"a": String}'),
        (
            record(("a",), a={"anyOf": [{"$ref": "#/$defs/P"}, {"type": "null"}]})
            | {"$defs": {"P": record(b=TEXT)}},
            '{"a"?: {"b"?: String}}',
        ),
        (record(), "{}"),
    ],
)
def test_arguments_in_cedar(schema: dict[str, Any], cedar: str) -> None:
    assert f"args: {cedar}," in tool_action(Surface("t", schema))


@pytest.mark.parametrize(
    ("tool", "says"),
    [
        (Surface("t", record(a={"type": "number"})), "t can't be put under policy: it takes a float"),
        (Surface("t", record(a={})), "no type in Cedar"),
        (Surface("t", record(a={"type": "object", "additionalProperties": TEXT})), "no type in Cedar"),
        (Surface("t", record(a={"anyOf": [TEXT, NUMBER]})), "no type in Cedar"),
        (Surface('t" in', record()), "can't be an action"),
    ],
)
def test_a_tool_that_cedar_cannot_say_stops_the_start(tool: Surface, says: str) -> None:
    with pytest.raises(PolicyError, match=says):
        tool_action(tool)


def test_a_tool_cannot_take_the_name_of_a_seam(folder: Path) -> None:
    with pytest.raises(PolicyError, match="schema"):
        load(folder, BUY, Surface("route", record()))
