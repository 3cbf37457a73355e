"""Tools: which calls the desk's real agents propose, and with which arguments."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from evals.datasets import Approval, Call, ToolCase
from evals.desk.guesses import guesses
from evals.desk.probes import agent_of, alone
from evals.desk.second_turn import Resumed, is_second_turn, turn_before
from evals.desk.stage import users, world
from evals.play import Played, play
from evals.rows import Row
from evals.suites import Item, Setting
from governance.control import control
from graphs.domain import domain
from nodes.admission import Request
from nodes.desk.admission import TOOLBOX
from nodes.team import Agent

Proposed = Sequence[tuple[str, Mapping[str, Any]]]
YES = Approval(by="lena", decision="approve", refused=False)
"""So that an agent goes on after a call that needs a person: the desk is a copy."""

LONGEST = 3
"""Approvals in one case at most."""


@dataclass(frozen=True)
class Work:
    """What a role's agent did with a case, on a copied desk.

    Attributes:
        proposed: Its calls, carried out or not.
        masked: The same with personal arguments as tokens.
        ways: Each a right one, with personal arguments as tokens.
        banned: Calls that must not be made with these arguments.
        answers: The arguments of its final answers.
        guess: What going by words proposes, and always the same tool.
    """

    case: ToolCase
    agent: Agent
    played: Played
    proposed: Proposed
    masked: Proposed
    ways: Sequence[Sequence[Call]]
    banned: Sequence[Call]
    answers: Proposed
    guess: Mapping[str, Proposed]

    @property
    def expected(self) -> list[list[dict[str, Any]]]:
        """The right ways as they are labelled."""
        return [[call.model_dump() for call in way] for way in (self.case.calls, *self.case.alternatives)]

    def unfit(self, proposed: Proposed) -> float:
        """Share of the calls that no tool of the agent takes."""
        tools = {tool.name: tool for tool in self.agent.tools}
        bad = [name for name, args in proposed if name not in tools or not valid(tools[name].args, args)]
        return len(bad) / len(proposed) if proposed else 0.0

    def right(self, proposed: Proposed) -> float:
        """Whether the calls are one of the right ways, with every argument that is named."""
        fitting = (way for way in self.ways if selected(self.case, way, proposed))
        return float(any(parameters(way, proposed) == 1 for way in fitting))

    def forbidden(self, proposed: Proposed) -> float:
        """Whether something was called that must not be, or with arguments that must not be."""
        named = any(name in self.case.forbidden for name, _ in proposed)
        return float(named or any(_fits(call, *one) for call in self.banned for one in proposed))


async def work(case: ToolCase, folder: Path) -> Work:
    """Let the role's agent work until it has an answer; what needs a person is approved."""
    agent, contract = agent_of(case.role)
    async with world(folder):
        earlier, told = await turn_before(case)
        request = Request(told, customer=case.customer_id if case.verified else None)
        graph = Resumed(alone(case.role), earlier) if earlier else alone(case.role)
        played = await play(
            domain(), contract, users()["sam"], request, [YES] * LONGEST, users(), compiled=graph
        )
        final = agent.returns.__name__ if agent.returns else ""
        calls = [(c["name"], c["args"]) for c in played.calls]
        proposed = [call for call in calls if call[0] != final]
        masked = [(name, await _tokens(name, args)) for name, args in proposed]
        ways = [await _masked(way) for way in (case.calls, *case.alternatives)]
        banned = await _masked(case.forbidden_args)
        guess = {
            rule: [(name, await _tokens(name, args)) for name, args in calls]
            for rule, calls in guesses(case, agent).items()
        }
    answers = [call for call in calls if call[0] == final]
    return Work(case, agent, played, proposed, masked, ways, banned, answers, guess)


async def evaluate(item: Item, setting: Setting) -> Row:
    """Look at the calls that a role's agent proposed."""
    done = await work(item.data, setting.folder)
    scores = _scores(done, done.masked) | {
        f"{name}__{rival}": score
        for rival, calls in (("null", ()), ("keyword", done.guess["keyword"]))
        for name, score in _scores(done, calls).items()
    }
    scores["tool_call_error_rate"] = errors(done)
    return item.row(
        setting,
        "component",
        scores=scores,
        expected=done.expected,
        got={"calls": [[name, dict(args)] for name, args in done.proposed], "status": done.played.status},
        **done.played.used,
    )


def _scores(done: Work, proposed: Proposed) -> dict[str, float]:
    """What calls are worth, whoever proposed them."""
    right = [way for way in done.ways if selected(done.case, way, proposed)]
    scores = {
        "tool_selection_accuracy_ref": float(bool(right)),
        "tool_parameter_accuracy_ref": max((parameters(way, proposed) for way in right), default=0.0),
        "tool_call_error_rate": done.unfit(proposed),
        "forbidden_calls": done.forbidden(proposed),
    }
    if is_second_turn(done.case):
        scores["multi_turn_function_calling_accuracy_ref"] = done.right(proposed)
    if len(done.case.calls) > 1:
        scores["several_calls_accuracy_ref"] = done.right(proposed)
    return scores


def selected(case: ToolCase, way: Sequence[Call], proposed: Proposed) -> bool:
    """Whether these calls were proposed, in their order if there is one, and nothing besides that harms."""
    names = [name for name, _ in proposed]
    wanted = [call.tool for call in way]
    if Counter(wanted) - Counter(names) or set(names) & set(case.forbidden):
        return False
    if case.ordered and not _in_order(wanted, names):
        return False
    spare = Counter(names) - Counter(wanted)
    return all(name in case.allowed_extra or (name in wanted and not TOOLBOX[name].writes) for name in spare)


def parameters(way: Sequence[Call], proposed: Proposed) -> float:
    """Share of the calls that were proposed with all arguments that are named; 1 if none is due."""
    hit = [any(_fits(call, name, args) for name, args in proposed) for call in way]
    return sum(hit) / len(hit) if hit else 1.0


def errors(done: Work) -> float:
    """Share of the calls that no tool takes, or that failed or were refused."""
    ends = [e for e in done.played.entries if e["kind"] in {"failed", "refused"} and e.get("seam") == "tool"]
    return min(1.0, done.unfit(done.proposed) + len(ends) / max(1, len(done.proposed)))


def valid(schema: type[BaseModel], args: Mapping[str, Any]) -> bool:
    """Whether arguments fit a schema."""
    try:
        return bool(schema.model_validate(dict(args)))
    except ValidationError:
        return False


def _fits(call: Call, name: str, args: Mapping[str, Any]) -> bool:
    return name == call.tool and all(args.get(key) == value for key, value in call.args.items())


def _in_order(wanted: Sequence[str], names: Sequence[str]) -> bool:
    left = iter(names)
    return all(any(name == each for each in left) for name in wanted)


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
