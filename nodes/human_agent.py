"""A person in an agent's place: given a task, asked in the inbox, with a deadline and a deputy."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from langchain_core.messages import AIMessage, HumanMessage
from pydantic import BaseModel, ValidationError

from governance.acts import Act, Cost
from governance.answers import NEEDED, SCHEMA
from governance.approval_rules import ApprovalRules
from governance.approvals import EXPIRED, Approval
from governance.confidence import FACT
from governance.control import control
from governance.errors import ApprovalRejected
from governance.gate import REVIEW
from governance.limits import Person
from governance.outcome import Status
from nodes.faults import GaveUp, misfit
from nodes.review import decided, question_act
from nodes.state import Question
from nodes.team import Agent
from nodes.turn import Turn

TRIES = 3
"""How often a person is asked for an answer that fits the schema."""

CERTAIN = 100
"""A person who gives the values answers for them."""

SHOWN = 2_000
"""Characters of the task that the inbox shows; the run has the rest."""


class Said(BaseModel):
    """What the person answered, in words."""

    answer: str


@dataclass(frozen=True)
class HumanAgent(Agent):
    """A person who stands where an agent stands, in any pattern.

    Who may answer, by when, and who is the deputy is in `limits.toml` under `people.NAME`. The
    answer is held to the schema and to the step's check like an agent's.
    """

    kind: str = "person"
    job: str = ""
    prompt: Path = field(init=False, default=Path())
    owner: str = "operations"
    returns: type[BaseModel] | None = Said


async def ask_person(turn: Turn) -> BaseModel:
    """Put the turn's task to a person and wait for an answer that fits.

    Raises:
        ApprovalRejected: They declined, or neither they nor their deputy answered in time.
        GaveUp: What they answered never fitted the schema.
        Denied: Policy doesn't take answers in this place.
    """
    schema = turn.agent.returns or Said
    problem = ""
    for _ in range(TRIES):
        values = await _answer(turn, schema, problem)
        try:
            said = answered(schema, values)
        except ValidationError as error:
            problem = misfit(error)
            note = {"agent": turn.agent.name, "problem": problem}
            await control().note(turn.actor.run, "invalid_output", note)
            continue
        turn.new.append(AIMessage(json.dumps(values, ensure_ascii=False), name=turn.agent.name))
        return said
    msg = f"{turn.agent.name} gave no valid answer in {TRIES} tries: {problem}"
    raise GaveUp(Status.FAILED, msg)


async def _answer(turn: Turn, schema: type[BaseModel], problem: str) -> Any:
    """Ask the person, then the deputy; the answer is cleared and used once."""
    last: ApprovalRejected | None = None
    for asked_as, rules in _chain(turn.agent.name):
        act, allowed = _question(turn, schema, asked_as)
        asked = await control().request_approval(act, _described(turn, schema, problem), allowed, rules)
        try:
            approval = await decided(asked.id)
        except ApprovalRejected as error:
            if (await control().approval(asked.id)).state != EXPIRED:
                raise
            last = error
            continue
        return await _take(act, approval)
    assert last  # noqa: S101 - somebody is always asked
    raise last


def _chain(name: str) -> Iterator[tuple[str, ApprovalRules]]:
    """Who is asked, one after another when nobody answers in time."""
    limits = control().limits
    default = Person(limits.approvals.roles_for("ask_human"), limits.approvals.expires_hours)
    person = limits.people.get(name, default)
    yield "", ApprovalRules(person.hours, person.roles)
    if person.deputy:
        yield " (deputy)", ApprovalRules(person.hours, person.deputy)


def _question(turn: Turn, schema: type[BaseModel], asked_as: str) -> tuple[Act, tuple[str, ...]]:
    """The question as an act, at a place that is the same when the step runs again."""
    sequence = turn.next()
    place = f"{turn.actor.position}/{sequence}{asked_as}"
    allowed: tuple[str, ...] = REVIEW
    try:
        draft = schema().model_dump_json()
    except ValidationError:  # there is nothing to say yes to before it is filled in
        draft, allowed = "{}", ("edit", "reject")
    return question_act(turn.actor, place, draft, sequence=sequence, told_by=place), allowed


def _described(turn: Turn, schema: type[BaseModel], problem: str) -> str:
    """What the inbox shows: the job, the task, and what `values` must hold."""
    told = "\n\n".join(message.text for message in turn.prompt if isinstance(message, HumanMessage))
    parts = [
        f"{turn.agent.name}: {turn.agent.job}",
        told[-SHOWN:],
        f"The last answer didn't fit: {problem}" if problem else "",
        wanted(schema),
    ]
    return "\n\n".join(filter(None, parts))


def wanted(schema: type[BaseModel], values: Mapping[str, Any] | None = None) -> str:
    """What an answer must hold, in words: the fields that these values lack or have wrong, then all.

    Args:
        values: What is there; without it every field is told.
    """
    properties: Mapping[str, Mapping[str, Any]] = schema.model_json_schema().get("properties", {})
    wrong = set(properties) if values is None else _wrong(schema, values)
    needed = [f"- {name}: {_short(spec)}" for name, spec in properties.items() if name in wrong]
    whole = "; ".join(
        f"{name} ({spec.get('type') or spec.get('enum') or 'value'}"
        + (f": {spec['description']})" if spec.get("description") else ")")
        for name, spec in properties.items()
    )
    return ("\n".join([NEEDED, *needed]) + "\n\n" if needed else "") + SCHEMA + whole


def answered(schema: type[BaseModel], values: Any) -> BaseModel:
    """What a person answered; they needn't say how sure they are.

    Raises:
        ValidationError: It doesn't fit.
    """
    sure = isinstance(values, dict) and FACT in schema.model_fields
    return schema.model_validate({FACT: CERTAIN, **values} if sure else values)


def _wrong(schema: type[BaseModel], values: Mapping[str, Any]) -> set[str]:
    """Fields that don't fit."""
    try:
        answered(schema, values)
    except ValidationError as error:
        places = [each["loc"] for each in error.errors()]
        return {str(place[0]) for place in places} if all(places) else set(schema.model_fields)
    return set()


def _short(spec: Mapping[str, Any]) -> str:
    """A field in a line: the first sentence of what it is, and what may stand there."""
    about = str(spec.get("description", spec.get("type", "value"))).partition("\n")[0].partition(". ")[0]
    choices = ", ".join(map(str, spec.get("enum", ())))
    return f"{about.rstrip('.')} ({choices})" if choices else about


def question(
    agent: Agent, step: str, reason: str, values: dict[str, Any], on_reject: Status = Status.FAILED
) -> Question:
    """What a person is asked at `escalate` in an agent's place."""
    asked: Question = {"step": step, "reason": reason, "values": values, "on_reject": on_reject.value}
    return {**asked, "wants": wanted(agent.returns, values)} if agent.returns else asked


async def _take(act: Act, approval: Approval) -> Any:
    """Have the answer cleared in the person's place, which uses the grant up."""
    values = str(approval.args.get("values", ""))
    clearance = await control().clear(replace(act, args=dict(approval.args)))
    await control().settle(clearance, {"values": values}, Cost())
    try:
        return json.loads(values)
    except ValueError:
        return values  # fits no schema, and so is asked about again
