"""Judging: the desk's judge, asked through the governed door, and the labelled pairs it is held against."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from evals.calibration import Opinion, Preference
from evals.datasets import Assertion, Case, Pair, load, sha256
from evals.desk.data import DATASETS, DOCUMENTS
from evals.desk.probes import once
from evals.desk.roles import JUDGE, PROMPTS, shown
from evals.desk.stage import users, world
from evals.end_state import EndState
from evals.judge import Judgement, judge
from evals.play import Played, play
from evals.rows import home
from evals.verification import sections
from evals.versions import model_name
from governance.errors import InvalidInput
from graphs.domain import domain
from models.door import configured
from nodes.admission import Request
from nodes.team import Agent

RUBRIC = PROMPTS / "one_answer.md"
_FOLDER = "stage"
_PLACE: Mapping[str, Preference] = {"a": "first", "b": "second"}


def able() -> bool:
    """Whether a language model has the judge's role; the offline model is none."""
    return configured("judge").provider != "offline"


async def judged(
    question: str,
    answer: str,
    sources: Sequence[Mapping[str, str]],
    *,
    user: str = "sam",
    customer: str | None = None,
) -> Judgement:
    """Have an answer judged where the stage is set: in a `world`.

    Args:
        user: In whose name and tenant.
        customer: Whose values become tokens in all that is shown.
    """

    async def ask(rubric: Path, text: str, form: type[BaseModel]) -> Mapping[str, Any]:
        return await _ask(_grader(rubric, form), Request(text, customer=customer), user)

    return await judge(question, answer, sources, RUBRIC, ask)


async def judged_apart(
    question: str, answer: str, sources: Sequence[Mapping[str, str]], tenant: str
) -> Judgement:
    """Have an answer of a real run, in tokens, judged on a stage of its own, under its tenant's policies."""
    name = next((user.id for user in users().values() if user.tenant == tenant), "")
    if not name:
        msg = f"nobody of {tenant} is in users.toml, so nothing of theirs can be judged"
        raise InvalidInput(msg)
    async with world(home() / _FOLDER):
        return await judged(question, answer, sources, user=name)


async def by_judge(
    question: str,
    answer: str,
    sources: Sequence[Mapping[str, str]],
    *,
    user: str = "sam",
    about: str | None = None,
) -> dict[str, float]:
    """What the judge makes of a case's answer, as scores; none without an answer or without a judge.

    They block nothing until the judge is calibrated.
    """
    if not answer or not able():
        return {}
    found = await judged(question, answer, sources, user=user, customer=about)
    return {f"{name}_judge": float(grade == "pass") for name, grade in found}


async def by_judge_of_case(
    case: Case, played: Played, state: EndState, tables: Sequence[str]
) -> dict[str, float]:
    """The same of a whole request: its sources are the customer's records and the sections that are cited.

    Args:
        tables: Those whose rows have a customer.
    """
    known = sections(DOCUMENTS)
    cited = dict.fromkeys(each["source"] for each in played.outcome.get("evidence", ()))
    sources = [{"source": name, "text": known[name]} for name in cited if name in known]
    tenant, about = users()[case.user].tenant, case.about
    # Of another tenant's customer nothing may be shown.
    if about and await domain().admission.directory.profile(tenant, about):
        for table in tables:
            wanted = Assertion(table=table, where={"customer_id": about})
            rows = await asyncio.to_thread(state.found, wanted)
            sources += [{"source": table, "text": json.dumps(dict(row), ensure_ascii=False)} for row in rows]
    else:
        about = None
    answer = str(played.outcome.get("answer", ""))
    question = f"{case.subject}\n{case.text}".strip()
    return await by_judge(question, answer, sources, user=case.user, about=about)


class ModelJudge:
    """The model of the judge's role: each answer by itself, then which of the two is better."""

    def __init__(self) -> None:
        versions = f"{_grader(RUBRIC, Judgement).identity.version}+{JUDGE.identity.version}"
        self.name = f"{model_name(configured('judge'))} rubric {versions}"

    async def compare(
        self, question: str, sources: Sequence[Mapping[str, str]], first: str, second: str
    ) -> Opinion:
        """Ask about each answer as the suites do, and once about both; no valid answer fails."""
        async with world(home() / _FOLDER):
            graded = [await judged(question, answer, sources) for answer in (first, second)]
            said = await _ask(JUDGE, Request(shown(question, sources, first, second)), "sam")
        one, two = (each.model_dump() for each in graded)
        return Opinion(one, two, _PLACE.get(str(said.get("preferred")), "tie"))


def pairs(split: str) -> tuple[list[Pair], str]:
    """The labelled pairs of a split (or `all`), and the hash of their file.

    Raises:
        InvalidInput: There are none.
    """
    rows = [row for row in load("judge", DATASETS) if isinstance(row, Pair)]
    found = [row for row in rows if split in {"all", row.split}]
    if not found:
        msg = f"no labelled pair is of the split {split}; there are all, dev and held_out"
        raise InvalidInput(msg)
    return found, sha256(DATASETS / "judge.jsonl")


async def _ask(agent: Agent, request: Request, user: str) -> Mapping[str, Any]:
    """The arguments of the first call that has the form of the agent's result, or nothing."""
    played = await play(domain(), "adaptive", users()[user], request, compiled=once(agent))
    name = agent.returns.__name__ if agent.returns else ""
    return next((call["args"] for call in played.calls if call["name"] == name), {})


@cache
def _grader(rubric: Path, form: type[BaseModel]) -> Agent:
    return Agent(
        name="grader",
        kind="answers",
        job="Judge one answer to a question by the sources that it should rest on.",
        prompt=rubric,
        owner="evaluation",
        returns=form,
        model="judge",
    )
