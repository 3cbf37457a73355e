"""The ledgers of an investigation: what is known and planned, and whether it gets anywhere."""

from __future__ import annotations

import json
import operator
from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from nodes.state import RunState, merge

DONE = "done"
"""How a step stands that has a result; any other word is the status that its absence calls for."""

Line = Annotated[str, Field(min_length=3, max_length=300)]
StepId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,23}$")]


class Ledger(BaseModel):
    """A schema that travels with every prompt, so it says nothing twice."""

    @classmethod
    def model_json_schema(cls, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """The schema without what its use as a tool or the validation of an answer says anyway."""
        schema: dict[str, Any] = super().model_json_schema(*args, **kwargs)
        brief = {name: value for name, value in _brief(schema).items() if name != "description"}
        return {**brief, "title": schema["title"]}


class PlanStep(BaseModel):
    """One step of a plan."""

    model_config = ConfigDict(extra="forbid")

    id: Annotated[StepId, Field(description="New short name, such as s1")]
    task: Annotated[Line, Field(description="What to find out")]
    needs: Annotated[list[str], Field(description="Steps whose results it needs; the rest run at once")] = []
    required: Annotated[bool, Field(description="Without it there is no answer")] = True


class TaskLedger(Ledger):
    """What is known, what is not, and the plan to find it out."""

    verified: Annotated[list[Line], Field(description="Given by the request or by results")] = []
    to_look_up: Annotated[list[Line], Field(description="To be found in records or documents")] = []
    guessed: Annotated[list[Line], Field(description="Only supposed; the plan should test it")] = []
    plan: Annotated[list[PlanStep], Field(min_length=1, max_length=12)]


class Finding(BaseModel):
    """One sentence of the answer, and what it rests on."""

    statement: Annotated[
        str, Field(min_length=3, max_length=500, description="Numbers exactly as the results have them")
    ]
    results: Annotated[list[str], Field(min_length=1, description="Ids of the steps that bear it out")]


class ProgressLedger(Ledger):
    """Where the investigation stands."""

    satisfied: Annotated[bool, Field(description="The request is answered by the findings")]
    progressing: Annotated[bool, Field(description="The last results brought it nearer to an answer")]
    reason: Annotated[Line, Field(description="Why; where not satisfied, what is missing")]
    findings: Annotated[list[Finding], Field(max_length=8)] = []
    next: Annotated[list[PlanStep], Field(max_length=6, description="Further steps, if not satisfied")] = []


class Found(TypedDict, total=False):
    """What came of a step."""

    status: str
    worker: str
    task: str
    args: dict[str, Any]
    result: Any
    error: str
    dissent: list[dict[str, Any]]


class Investigation(RunState):
    """What the nodes of an investigation share."""

    ledger: dict[str, Any]
    """The task ledger, with `read: True` where its one step needs no judgement."""
    found: Annotated[dict[str, Found], merge]
    findings: list[dict[str, Any]]
    satisfied: bool
    missing: str
    """What the manager, or the refusal of its completion, says is missing."""
    constraints: Annotated[list[str], operator.add]
    """What people demanded when they reviewed a plan, verbatim."""
    rounds: int
    stalls: int
    resets: int


Plan = Sequence[Mapping[str, Any]]


def ready(plan: Plan, found: Mapping[str, Found]) -> list[Mapping[str, Any]]:
    """Steps that were not tried yet and whose needs have results, in the plan's order."""
    return [step for step in not_tried(plan, found) if all(_done(need, found) for need in step["needs"])]


def not_tried(plan: Plan, found: Mapping[str, Found]) -> list[Mapping[str, Any]]:
    """Steps that have neither a result nor an absence."""
    return [step for step in plan if step["id"] not in found]


def still_open(plan: Plan, found: Mapping[str, Found], *, required: bool = True) -> list[str]:
    """Ids of the steps (all, or those that are required) without a result."""
    return [s["id"] for s in plan if not _done(s["id"], found) and (s["required"] or not required)]


def objections(plan: Plan, found: Mapping[str, Found]) -> list[str]:
    """Why new steps can't be run, in words for whoever made them; empty where they can."""
    ids = [step["id"] for step in plan]
    known = {*ids, *(name for name in found if _done(name, found))}
    done = {_asks(entry): name for name, entry in found.items() if entry["status"] == DONE}
    said = [f"two steps are called {name}" for name in sorted({i for i in ids if ids.count(i) > 1})]
    said += [f"{name} was used before; take a new id" for name in ids if name in found]
    said += [
        f"{step['id']} asks again for what {done[_asks(step)]} found" for step in plan if _asks(step) in done
    ]
    said += [f"{s['id']} needs {n}, which is no step" for s in plan for n in s["needs"] if n not in known]
    try:
        TopologicalSorter({step["id"]: step["needs"] for step in plan}).prepare()
    except CycleError as error:
        said.append(f"steps wait for each other: {' → '.join(error.args[1])}")
    return said


def in_lines(plan: Plan) -> str:
    """A plan for people to read, one step a line."""
    return "\n".join(
        f"{step['id']} ({step['worker']}{'' if step['required'] else ', optional'}): {step['task']}"
        + "".join(f", {name} {value}" for name, value in step.get("args", {}).items() if value is not None)
        + (f" after {', '.join(step['needs'])}" if step["needs"] else "")
        for step in plan
    )


def _brief(schema: Mapping[str, Any]) -> dict[str, Any]:
    given = [option for option in schema.get("anyOf", ()) if option.get("type") != "null"]
    if len(given) == 1:
        schema = {**given[0], **{key: value for key, value in schema.items() if key != "anyOf"}}
    brief: dict[str, Any] = {}
    for key, value in schema.items():
        if key in ("title", "default", "discriminator", "minLength", "additionalProperties"):
            continue
        if key in ("properties", "$defs"):  # names of fields and types, not words of the schema
            brief[key] = {name: _brief(inner) for name, inner in value.items()}
        elif isinstance(value, Mapping):
            brief[key] = _brief(value)
        elif isinstance(value, list):
            brief[key] = [_brief(item) if isinstance(item, Mapping) else item for item in value]
        else:
            brief[key] = value
    return brief


def _done(name: str, found: Mapping[str, Found]) -> bool:
    return name in found and found[name]["status"] == DONE


def _asks(step: Mapping[str, Any]) -> str:
    """What a step asks for, whatever it is called."""
    return f"{step['worker']}: {_compact(step['args']) if step.get('args') else step['task']}"


def _compact(args: Mapping[str, Any]) -> str:
    return json.dumps({k: v for k, v in sorted(args.items()) if v is not None}, ensure_ascii=False)
