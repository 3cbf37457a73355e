"""Oracle: a scripted model that says what is right, to see whether the system then reaches the right end."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage

from evals.datasets import Case
from governance.control import control
from models.scripted import ScriptedChatModel, call
from nodes.desk import agents
from nodes.desk.front_door import FRONT_DOOR
from nodes.team import Agent

JOBS = {"sequential": "claim_new", "single": "address_change", "handoff": "multi_concern"}
"""Graph → a job that leads there; whoever only asks to be called back has a job of its own."""

FACTS = ("policy_number", "peril", "loss_date", "amount")
IBAN = re.compile(r"<iban:[0-9a-f]{12}>")
INVOICE = re.compile(r"\bINV-\d{6}\b")
TENANTS = {"mia": "lakeside", "noah": "lakeside"}
WHY = "as the records say"

Say = Callable[[Sequence[BaseMessage]], AIMessage]


def covered(case: Case) -> bool:
    """Whether a case's labels say enough to play the oracle: which calls, with which arguments."""
    graph = case.expected.graph[0]
    if graph == "sequential":
        return all(name in _claim(case) for name in FACTS)
    return graph in JOBS and "completed" in case.expected.status and bool(_writes(case))


async def model_for(case: Case) -> ScriptedChatModel:
    """The oracle of one case; personal values as the control plane's tokens."""
    graph = case.expected.graph[0]
    called = graph == "single" and any(name == "add_note" for name, _ in _writes(case) or [])
    job = "callback_request" if called else JOBS[graph]
    route = call("Route", job=job, reason=WHY)
    said: dict[str, Any] = {FRONT_DOOR.job: lambda _messages: route}
    if graph == "sequential":
        said |= {agent.job: script for agent, script in _chain(case).items()}
    else:
        writes = [call(name, **args) for name, args in _writes(case) or []]
        said |= _service(graph, writes, await _tokens(case))
    return ScriptedChatModel(scripts=said)


def _chain(case: Case) -> dict[Agent, Say]:
    """What the agents of the claims chain say."""
    facts = _claim(case)

    def extract(messages: Sequence[BaseMessage]) -> AIMessage:
        named = IBAN.findall("\n".join(m.text for m in messages))
        refused = "denied" in case.expected.status and named
        more = {"payout_account": named[0]} if refused else {}
        told = {name: facts[name] for name in (*FACTS, "invoice_number") if facts.get(name)}
        if found := INVOICE.findall(case.text):  # what the label leaves open, the letter may name
            told.setdefault("invoice_number", found[0])
        return call("ClaimFacts", **told, **more, summary=WHY, confidence=100)

    def cover(messages: Sequence[BaseMessage]) -> AIMessage:
        known = {name: facts[name] for name in FACTS if name != "amount"}
        record = _answered(messages)
        if record is None:
            return call("check_coverage", **known)
        kept = {name: record[name] for name in ("covered", "limit", "deductible")}
        # An exclusion is in no record: the desk asks a person, who says what the label says.
        excluded = facts.get("status") == "declined" and facts["amount"] > record["deductible"]
        kept["covered"] = kept["covered"] and not excluded
        return call("CoverageVerdict", **kept, reason=record["reason"], confidence=100)

    def assess(messages: Sequence[BaseMessage]) -> AIMessage:
        record = _answered(messages)
        if record is None:
            return call("assess_amount", **{name: facts[name] for name in FACTS})
        return call(
            "Assessment", payable=record["payable"], decision=_decision(record["payable"]), reason=WHY
        )

    def decide(messages: Sequence[BaseMessage]) -> AIMessage:
        found = re.findall(r"```json\n(.*?)\n```", "\n".join(m.text for m in messages), re.DOTALL)
        payable = json.loads(found[-1])["assess"]["payable"]
        return call("ClaimDecision", payable=payable, decision=_decision(payable), reason=WHY)

    return {agents.EXTRACT: extract, agents.COVERAGE: cover, agents.ASSESS: assess, agents.DECIDE: decide}


def _service(graph: str, writes: Sequence[AIMessage], tokens: Mapping[str, str]) -> dict[str, Any]:
    """What service agents say: one call after another, then words."""
    done = AIMessage("It is done.")
    if graph == "single":
        return {agents.SERVICE.job: _one_by_one([*writes, done], tokens)}
    changes = [each for each in writes if each.tool_calls[0]["name"] == "change_address"]
    notes = [each for each in writes if each not in changes]
    first = agents.BILLING if changes else agents.COMPLIANCE
    # Whoever looks into complaints must record one; where nothing is to be noted, nobody is sent there.
    last = call(f"transfer_to_{agents.COMPLIANCE.name}", reason=WHY) if notes else done
    return {
        agents.TRIAGE.job: [call(f"transfer_to_{first.name}", reason=WHY)],
        agents.BILLING.job: _one_by_one([*changes, last], tokens),
        agents.COMPLIANCE.job: [*notes, done],
    }


def _one_by_one(replies: Sequence[AIMessage], tokens: Mapping[str, str]) -> Say:
    """Say one after another; a value as the prompt shows it, which may be as its token."""
    left = iter(replies)

    def say(messages: Sequence[BaseMessage]) -> AIMessage:
        reply, shown = next(left, replies[-1]), "\n".join(m.text for m in messages)
        for one in reply.tool_calls:
            one["args"] |= {
                k: tokens[v] for k, v in one["args"].items() if v in tokens and tokens[v] in shown
            }
        return reply

    return say


def _claim(case: Case) -> dict[str, Any]:
    """The facts of the claim that must stand in the records afterwards."""
    new = [a for a in case.expected.end_state if a.table == "desk_claims" and a.new]
    return {key: _first(value) for a in new for key, value in {**a.where, **(a.expect or {})}.items()}


def _writes(case: Case) -> list[tuple[str, dict[str, Any]]] | None:
    """The calls that lead to the end state; None where the labels don't tell them."""
    found: list[tuple[str, dict[str, Any]]] = []
    for a in case.expected.end_state:
        owner = {"customer_id": a.where.get("customer_id")}
        if a.table == "desk_customers" and a.expect and set(a.expect) == {"street", "city"}:
            found.append(("change_address", owner | a.expect))
        elif a.table == "desk_notes" and a.count == 1:
            found.append(("add_note", owner | {"kind": _first(a.where["kind"]), "text": WHY}))
        else:
            return None
    return found


async def _tokens(case: Case) -> dict[str, str]:
    """The address that is to be written → its tokens."""
    tenant, vault = TENANTS.get(case.user, "harbor"), control().vault
    told = [
        value for _, args in _writes(case) or [] for key, value in args.items() if key in ("street", "city")
    ]
    return {value: await vault.tokenise(tenant, value, {value: "address"}) for value in told}


def _answered(messages: Sequence[BaseMessage]) -> Mapping[str, Any] | None:
    """What the last tool call gave, if there was one."""
    last = messages[-1]
    record: Mapping[str, Any] | None = json.loads(last.text) if isinstance(last, ToolMessage) else None
    return record


def _first(value: Any) -> Any:
    """What to say where a label leaves several values open."""
    return value[0] if isinstance(value, list) else value


def _decision(payable: int) -> str:
    return "approve" if payable > 0 else "decline"
