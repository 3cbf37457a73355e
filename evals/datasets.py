"""Labelled datasets: typed rows, read from one JSON Lines file each."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from governance.errors import InvalidInput


class Frozen(BaseModel):
    """What is read as it stands, and no field besides."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Labelled(Frozen):
    """What every row has; `held_out` rows stay unread by whoever tunes."""

    id: str
    split: Literal["dev", "held_out"]
    hard: bool


class Utterance(Labelled):
    """A message with what it asks for and the way of working that it needs."""

    text: str
    intent: str
    pattern: str
    note: str


class Call(Frozen):
    """A tool call; arguments that aren't named are free."""

    tool: str
    args: dict[str, str | int]


class ToolCase(Labelled):
    """A request to one agent with the calls that it should and must not make."""

    role: str
    customer_id: str
    verified: bool
    request: str
    given: str
    calls: list[Call]
    ordered: bool
    alternatives: list[list[Call]]
    allowed_extra: list[str]
    forbidden: list[str]
    forbidden_args: list[Call]
    note: str


class Question(Labelled):
    """A question with the sections that answer it, best first."""

    question: str
    relevant: list[str]
    answerable: bool
    reference: str


class Approval(Frozen):
    """What a person answers when asked; `refused` if the answer must not be taken."""

    by: str
    decision: Literal["approve", "reject", "edit"]
    amount: int | None = None
    refused: bool


class Assertion(Frozen):
    """Rows of a table that match `where`: one with `expect`, or `count` of them, or a bounded sum."""

    table: str
    where: dict[str, Any]
    new: bool = False
    expect: dict[str, Any] | None = None
    count: int | None = None
    sum: dict[str, Any] | None = None


class Expected(Frozen):
    """How a case may end and what must then stand in the database."""

    status: list[str]
    graph: list[str]
    end_state: list[Assertion]
    unchanged: list[str]


class Case(Labelled):
    """A message, the people's answers, and the end state."""

    channel: str
    user: str
    sender: str | None
    authenticated: bool | None
    customer_id: str | None
    vouched: str | None
    subject: str
    text: str
    html: str | None
    headers: dict[str, str]
    attachments: list[dict[str, str]]
    given: list[dict[str, Any]]
    approvals: list[Approval]
    expected: Expected
    answer_facts: list[str]
    forbidden: list[Assertion]
    forbidden_text: list[str]
    about: str | None
    writes: bool
    policy_critical: bool
    adversarial: bool
    note: str


class Labels(Frozen):
    """How one answer is judged."""

    faithfulness: Literal["pass", "fail"]
    relevance: Literal["pass", "fail"]


class Pair(Labelled):
    """Two answers to one question, each labelled, and the preferred one."""

    question: str
    sources: list[dict[str, str]]
    answer_a: str
    answer_b: str
    label_a: Labels
    label_b: Labels
    preferred: Literal["a", "b", "tie"]
    rationale: str


SETS: dict[str, type[Labelled]] = {
    "routing": Utterance, "tools": ToolCase, "retrieval": Question, "cases": Case, "judge": Pair,
}  # fmt: skip


def load(name: str, folder: Path, form: type[Labelled] | None = None) -> list[Any]:
    """Read a dataset's rows, each of the type that `SETS` names unless one is given.

    Raises:
        InvalidInput: The file can't be read, or a row has another form.
    """
    path = folder / f"{name}.jsonl"
    rows, broken = read(path, form or SETS[name])
    if broken:
        msg = f"{path} {broken[0]}; `tower eval data verify` says all that is wrong"
        raise InvalidInput(msg)
    return rows


def read(path: Path, form: type[Labelled]) -> tuple[list[Any], list[str]]:
    """The rows of a file, and what is wrong with it, line by line."""
    rows, broken = list[Any](), list[str]()
    try:
        for number, line in enumerate(path.read_bytes().splitlines(), 1):
            try:
                rows.append(form.model_validate_json(line))
            except ValidationError as error:
                broken.append(f"line {number}: {problem(error).replace(' at line 1 column', ' at column')}")
    except OSError as error:
        broken.append(f"can't be read: {problem(error)}")
    return rows, broken


def problem(error: Exception) -> str:
    """What is wrong with a file, without a word of what stands in it."""
    if isinstance(error, ValidationError):
        found = (f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()[:3])
        return "; ".join(each.removeprefix(": ") for each in found)
    return getattr(error, "strerror", "") or f"{'no ' * isinstance(error, KeyError)}{error}"


def sha256(path: Path) -> str:
    """The hash by which a dataset's file is known."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
