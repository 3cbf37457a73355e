"""Tools: which calls the desk's real agents propose, and with which arguments."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from evals.datasets import Approval, Call, ToolCase
from evals.desk.probes import agent_of, alone
from evals.desk.stage import users, world
from evals.lexical import closest
from evals.play import Played, play
from evals.rows import Row
from evals.suites import Item, Setting
from governance.control import control
from graphs.domain import domain
from nodes.admission import Request
from nodes.desk.admission import TOOLBOX
from tools.spec import Tool

Proposed = Sequence[tuple[str, Mapping[str, Any]]]
YES = Approval(by="lena", decision="approve", refused=False)
"""So that an agent goes on after a call that needs a person: the desk is a copy."""

LONGEST = 3
"""Approvals in one case at most."""


async def evaluate(item: Item, setting: Setting) -> Row:
    """Let the role's agent work on a copied desk, and look at the calls that it proposed."""
    case: ToolCase = item.data
    agent, contract = agent_of(case.role)
    text = f"{case.request}\n\n{case.given}".strip()
    request = Request(text, customer=case.customer_id if case.verified else None)
    async with world(setting.folder):
        started = time.perf_counter()
        played = await play(
            domain(), contract, users()["sam"], request, [YES] * LONGEST, users(), compiled=alone(case.role)
        )
        seconds = time.perf_counter() - started
        tools = {tool.name: tool for tool in agent.tools}
        final = agent.returns.__name__ if agent.returns else ""
        proposed = [(c["name"], c["args"]) for c in played.calls if c["name"] != final]
        masked = [(name, await _tokens(name, args)) for name, args in proposed]
        ways = [await _masked(way) for way in (case.calls, *case.alternatives)]
        banned = await _masked(case.forbidden_args)
    right = [way for way in ways if selected(case, way, proposed)]
    scores = {
        "tool_selection_accuracy_ref": float(bool(right)),
        "tool_selection_accuracy_ref__null": float([] in ways),
        "tool_selection_accuracy_ref__keyword": float(_by_words(case, ways, tools)),
        "tool_parameter_accuracy_ref": max((parameters(way, masked) for way in right), default=0.0),
        "tool_parameter_accuracy_ref__null": float([] in ways),
        "tool_call_error_rate": errors(proposed, tools, played),
        "forbidden_calls": float(_forbidden(case, banned, masked)),
    }
    if len(case.calls) > 1 or case.given:
        exact = [way for way in right if parameters(way, masked) == 1]
        scores["multi_turn_function_calling_accuracy_ref"] = float(bool(exact))
    return item.row(
        setting,
        "component",
        scores=scores,
        expected=[[call.model_dump() for call in way] for way in (case.calls, *case.alternatives)],
        got={"calls": [[name, dict(args)] for name, args in proposed], "status": played.status},
        run=played.run,
        seconds=seconds,
        **played.used,
    )


def selected(case: ToolCase, way: Sequence[Call], proposed: Proposed) -> bool:
    """Whether these calls were proposed, in their order if there is one, and nothing besides that harms."""
    names = [name for name, _ in proposed]
    wanted = [call.tool for call in way]
    if Counter(wanted) - Counter(names) or set(names) & set(case.forbidden):
        return False
    if case.ordered and not _in_order(wanted, names):
        return False
    spare = Counter(names) - Counter(wanted)
    return all(name in case.allowed_extra or (name in wanted and _reads(name)) for name in spare)


def parameters(way: Sequence[Call], proposed: Proposed) -> float:
    """Share of the calls that were proposed with all arguments that are named; 1 if none is due."""
    hit = [any(_fits(call, name, args) for name, args in proposed) for call in way]
    return sum(hit) / len(hit) if hit else 1.0


def errors(proposed: Proposed, tools: Mapping[str, Tool], played: Played) -> float:
    """Share of the calls that no tool takes, or that failed or were refused."""
    if not proposed:
        return 0.0
    unfit = sum(name not in tools or not valid(tools[name].args, args) for name, args in proposed)
    stopped = sum(e["kind"] in ("failed", "refused") and e.get("seam") == "tool" for e in played.entries)
    return min(1.0, float(unfit + stopped) / len(proposed))


def valid(schema: type[BaseModel], args: Mapping[str, Any]) -> bool:
    """Whether arguments fit a schema."""
    try:
        return bool(schema.model_validate(dict(args)))
    except ValidationError:
        return False


def _fits(call: Call, name: str, args: Mapping[str, Any]) -> bool:
    return name == call.tool and all(args.get(key) == value for key, value in call.args.items())


def _forbidden(case: ToolCase, banned: Sequence[Call], proposed: Proposed) -> bool:
    named = any(name in case.forbidden for name, _ in proposed)
    return named or any(_fits(call, name, args) for call in banned for name, args in proposed)


def _in_order(wanted: Sequence[str], names: Sequence[str]) -> bool:
    left = iter(names)
    return all(any(name == each for each in left) for name in wanted)


def _reads(name: str) -> bool:
    return not TOOLBOX[name].writes


def _by_words(case: ToolCase, ways: Sequence[Sequence[Call]], tools: Mapping[str, Tool]) -> bool:
    described = {name: f"{name.replace('_', ' ')} {tool.description}" for name, tool in tools.items()}
    proposed: Proposed = [(closest(case.request, described), {})]
    return any(selected(case, way, proposed) for way in ways)


async def _masked(calls: Sequence[Call]) -> list[Call]:
    """The calls with personal arguments as tokens."""
    return [Call(tool=call.tool, args=await _tokens(call.tool, call.args)) for call in calls]


async def _tokens(tool: str, args: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments in one form: an agent copies a token, or what stood in the clear."""
    personal = TOOLBOX[tool].personal if tool in TOOLBOX else {}
    return {
        name: value
        if name not in personal or str(value).startswith("<")
        else await control().vault.token("harbor", personal[name], str(value))
        for name, value in args.items()
    }
