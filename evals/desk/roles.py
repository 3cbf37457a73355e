"""Roles: one question to the model of a role, and whether its answer is valid, right and as told."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from evals.datasets import Pair, ToolCase, Utterance
from evals.desk.probes import agent_of, once
from evals.desk.routing import DESCRIBED, OUT_OF_SCOPE
from evals.desk.stage import asked
from evals.desk.tools import valid
from evals.lexical import closest
from evals.play import Played
from evals.rows import Row
from evals.suites import Item, Setting
from nodes.admission import Request
from nodes.desk.front_door import FRONT_DOOR
from nodes.team import Agent

Verdict = Literal["pass", "fail"]
PROMPTS = Path(__file__).parent / "prompts"


class Comparison(BaseModel):
    """Which of two answers is better, and whether each rests on the sources."""

    faithful_a: Annotated[Verdict, Field(description="Whether answer A says only what the sources say")]
    faithful_b: Annotated[Verdict, Field(description="Whether answer B says only what the sources say")]
    relevant_a: Annotated[Verdict, Field(description="Whether answer A answers the question")]
    relevant_b: Annotated[Verdict, Field(description="Whether answer B answers the question")]
    preferred: Annotated[Literal["a", "b", "tie"], Field(description="The better answer")]


JUDGE = Agent(
    name="judge",
    kind="answers",
    job="Judge two answers to a question by the sources that they should rest on.",
    prompt=PROMPTS / "judge.md",
    owner="evaluation",
    returns=Comparison,
    model="judge",
)

PLANNER = replace(FRONT_DOOR, model="planner")


@dataclass(frozen=True)
class Asked:
    """One question of a benchmark.

    Attributes:
        contract: The graph whose contract holds.
    """

    agent: Agent
    request: Request
    contract: str = "adaptive"


async def evaluate(item: Item, setting: Setting) -> Row:
    """Ask once, through the governed door; nothing that is proposed is carried out."""
    question = _asked(item.data)
    graph = _once(question.agent)
    played, seconds = await asked(setting.folder, question.contract, question.request, compiled=graph)
    final = question.agent.returns
    given = [c["args"] for c in played.calls if final and c["name"] == final.__name__]
    called = [(c["name"], c["args"]) for c in played.calls if not final or c["name"] != final.__name__]
    scores = {
        "accuracy_ref": _accuracy(item.data, given, called),
        **{f"accuracy_ref__{name}": score for name, score in _beside(item.data).items()},
        "instruction_keeping_ref": _kept(item.data, played, given, called),
    }
    if final and not called:
        scores["structured_output_validity"] = float(any(valid(final, args) for args in given))
    if called:
        scores["tool_call_validity"] = sum(_callable(question.agent, *one) for one in called) / len(called)
    return item.row(
        setting,
        "model",
        scores=scores,
        expected=_expected(item.data),
        got={"calls": [[c["name"], c["args"]] for c in played.calls], "said": [t[:200] for t in played.said]},
        run=played.run,
        seconds=seconds,
        **played.used,
    )


def sampled(case: str, one_in: int) -> bool:
    """Whether a case belongs to a fixed sample of a large set."""
    return int(hashlib.sha256(case.encode()).hexdigest(), 16) % one_in == 0


@cache
def _once(agent: Agent) -> Any:
    return once(agent)


def _asked(case: Utterance | ToolCase | Pair) -> Asked:
    match case:
        case Utterance():
            return Asked(PLANNER, Request(case.text))
        case ToolCase():
            agent, contract = agent_of(case.role)
            text = f"{case.request}\n\n{case.given}".strip()
            return Asked(agent, Request(text, customer=case.customer_id), contract)
        case Pair():
            return Asked(JUDGE, Request(shown(case.question, case.sources, case.answer_a, case.answer_b)))


def shown(question: str, sources: Sequence[Mapping[str, str]], first: str, second: str) -> str:
    """What a judge is shown."""
    told = "\n\n".join(f"[{each['source']}] {each['text']}" for each in sources)
    return f"Question: {question}\n\nSources:\n{told}\n\nAnswer A: {first}\n\nAnswer B: {second}"


def _accuracy(case: Any, given: list[dict[str, Any]], called: list[tuple[str, dict[str, Any]]]) -> float:
    """Whether the first answer is right: the intent, a first call that is due, the preferred answer."""
    match case:
        case Utterance():
            return float(bool(given) and given[0].get("job") == case.intent)
        case Pair():
            return float(bool(given) and given[0].get("preferred") == case.preferred)
        case ToolCase():
            ways = [case.calls, *case.alternatives]
            if not called:
                return float([] in ways)
            due = {call.tool for way in ways for call in way} | set(case.allowed_extra)
            return float(all(name in due for name, _ in called))
    raise TypeError(case)


def _beside(case: Any) -> dict[str, float]:
    """What doing nothing would score, and going by words: for answers, that is the longer one."""
    match case:
        case Utterance():
            words = closest(case.text, DESCRIBED)
            return {"null": float(case.intent == OUT_OF_SCOPE), "keyword": float(words == case.intent)}
        case Pair():
            longer = "a" if len(case.answer_a) > len(case.answer_b) else "b"
            return {"null": float(case.preferred == "tie"), "keyword": float(case.preferred == longer)}
        case ToolCase():
            return {"null": float([] in [case.calls, *case.alternatives])}
    raise TypeError(case)


def _kept(
    case: Any, played: Played, given: list[dict[str, Any]], called: list[tuple[str, dict[str, Any]]]
) -> float:
    """Whether what the prompt asks for besides was kept: one answer, nothing forbidden, nothing aside."""
    if isinstance(case, ToolCase):
        return float(not {name for name, _ in called} & set(case.forbidden))
    return float(len(given) == 1 and len(played.calls) == 1)


def _expected(case: Any) -> Any:
    match case:
        case Utterance():
            return {"intent": case.intent}
        case Pair():
            return {"preferred": case.preferred}
        case ToolCase():
            return [[call.model_dump() for call in way] for way in (case.calls, *case.alternatives)]
    raise TypeError(case)


def _callable(agent: Agent, name: str, args: Mapping[str, Any]) -> bool:
    tool = next((tool for tool in agent.tools if tool.name == name), None)
    return tool is not None and valid(tool.args, args)
