"""Roles: what is put to the model of a role, and whether its answer is valid, right and as told."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from evals.datasets import Pair, ToolCase, Utterance
from evals.desk.probes import once
from evals.desk.routing import DESCRIBED, OUT_OF_SCOPE
from evals.desk.stage import asked
from evals.desk.tools import valid, work
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


async def evaluate(item: Item, setting: Setting) -> Row:
    """Ask the planner or the judge once; let the worker work until it has an answer."""
    if isinstance(item.data, ToolCase):
        return await _worked(item, setting)
    case: Utterance | Pair = item.data
    agent = PLANNER if isinstance(case, Utterance) else JUDGE
    text = (
        case.text
        if isinstance(case, Utterance)
        else shown(case.question, case.sources, case.answer_a, case.answer_b)
    )
    played = await asked(setting.folder, "adaptive", Request(text), compiled=once(agent))
    form = agent.returns or BaseModel
    given = [c["args"] for c in played.calls if c["name"] == form.__name__]
    name, wanted, rivals = _wanted(case)
    got = given[0].get(name) if given else None
    return item.row(
        setting,
        "model",
        scores={
            "accuracy_ref": float(got == wanted),
            **{f"accuracy_ref__{rival}": float(says == wanted) for rival, says in rivals.items()},
            "instruction_keeping_ref": float(len(given) == len(played.calls) == 1),
            "structured_output_validity": float(any(valid(form, args) for args in given)),
            # A rule says one thing, in the form that was asked for.
            "instruction_keeping_ref__keyword": 1.0,
            "structured_output_validity__keyword": 1.0,
        },
        expected={name: wanted},
        got=_got(played),
        **played.used,
    )


async def _worked(item: Item, setting: Setting) -> Row:
    """Whether all calls that are due came, with their arguments, and nothing besides that harms."""
    done = await work(item.data, setting.folder)
    rivals = {"null": (), **done.guess}
    scores = {
        "accuracy_ref": done.right(done.masked),
        "instruction_keeping_ref": 1 - done.forbidden(done.masked),
    }
    for rival, calls in rivals.items():
        scores[f"accuracy_ref__{rival}"] = done.right(calls)
        scores[f"instruction_keeping_ref__{rival}"] = 1 - done.forbidden(calls)
    if done.proposed:
        guessed = {rule: 1 - done.unfit(calls) for rule, calls in done.guess.items()}
        scores |= {f"tool_call_validity__{rule}": share for rule, share in guessed.items()}
        scores["tool_call_validity"] = 1 - done.unfit(done.proposed)
    if done.answers and done.agent.returns:
        scores["structured_output_validity"] = float(valid(done.agent.returns, done.answers[-1][1]))
    return item.row(
        setting, "model", scores=scores, expected=done.expected, got=_got(done.played), **done.played.used
    )


def _got(played: Played) -> dict[str, Any]:
    return {"calls": [[c["name"], c["args"]] for c in played.calls], "said": [t[:200] for t in played.said]}


def _wanted(case: Utterance | Pair) -> tuple[str, str, dict[str, str]]:
    """The field that counts and what must stand in it; what doing nothing says, and going by words."""
    if isinstance(case, Utterance):
        return "job", case.intent, {"null": OUT_OF_SCOPE, "keyword": closest(case.text, DESCRIBED)}
    longer = "a" if len(case.answer_a) > len(case.answer_b) else "b"
    return "preferred", case.preferred, {"null": "tie", "keyword": longer}


def sampled(case: str, one_in: int) -> bool:
    """Whether a case belongs to a fixed sample of a large set."""
    return int(hashlib.sha256(case.encode()).hexdigest(), 16) % one_in == 0


def shown(question: str, sources: Sequence[Mapping[str, str]], first: str, second: str) -> str:
    """What a judge is shown."""
    told = "\n\n".join(f"[{each['source']}] {each['text']}" for each in sources)
    return f"Question: {question}\n\nSources:\n{told}\n\nAnswer A: {first}\n\nAnswer B: {second}"
