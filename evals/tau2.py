"""τ²-bench: its tasks and the results that its own runner writes, read as they are."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from evals.datasets import problem
from evals.rows import Row
from governance.errors import InvalidInput

MICROS = 1_000_000


class _Read(BaseModel):
    """What is read of a larger record; the rest is passed over."""

    model_config = ConfigDict(extra="ignore", frozen=True, coerce_numbers_to_str=True)


class Action(_Read):
    """A call that leads to the wanted end state."""

    name: str


class Criteria(_Read):
    """What a task's reward rests on."""

    actions: list[Action] | None = None
    reward_basis: list[str] = ["DB", "COMMUNICATE"]


class Task(_Read):
    """One task of `tasks.json`."""

    id: str
    user_scenario: dict[str, Any]
    evaluation_criteria: Criteria | None = None


class Reward(_Read):
    """How a simulation was judged."""

    reward: float


class Simulation(_Read):
    """One conversation of a results file."""

    task_id: str
    trial: int = 0
    reward_info: Reward | None = None
    termination_reason: str = ""
    duration: float = 0.0
    agent_cost: float | None = None


class Info(_Read):
    """What the results say of themselves."""

    environment_info: dict[str, Any] = {}
    agent_info: dict[str, Any] = {}


class Results(_Read):
    """A results file, as `tau2 run` leaves it in `data/simulations`."""

    info: Info = Info()
    tasks: list[Task] = []
    simulations: list[Simulation]


def read_tasks(path: Path) -> list[Task]:
    """Read a domain's `tasks.json`.

    Raises:
        InvalidInput: The file can't be read or has another form.
    """
    tasks: list[Task] = _read(path, TypeAdapter(list[Task]))
    return tasks


def read_results(path: Path) -> Results:
    """Read what τ²-bench's own runner found out.

    Raises:
        InvalidInput: The file can't be read, has another form, holds no simulation, or one of them twice.
    """
    if path.is_file() and path.read_bytes().removeprefix(BOM_UTF8).lstrip()[:1] == b"[":
        tasks = read_tasks(path)
        msg = f"{path} holds {len(tasks)} tasks and no results; run them first, as docs/public-sets.md says"
        raise InvalidInput(msg)
    results: Results = _read(path, TypeAdapter(Results))
    if not results.simulations:
        msg = f"{path} holds no simulation; let `tau2 run` end before you evaluate its results"
        raise InvalidInput(msg)
    (most, times), *_ = Counter((s.task_id, s.trial) for s in results.simulations).most_common(1)
    if times > 1:
        twice = f"task {most[0]}, trial {most[1]}, {times} times"
        msg = f"{path} holds {twice}; evaluate each run's file by itself"
        raise InvalidInput(msg)
    return results


def rows(results: Results, limit: int) -> tuple[Row, ...]:
    """Turn results into rows: one per task and trial, for at most so many tasks."""
    tasks = {task.id: task for task in results.tasks}
    wanted = list(dict.fromkeys(s.task_id for s in results.simulations))[:limit]
    domain = str(results.info.environment_info.get("domain_name", "tau2"))
    return tuple(_row(domain, tasks.get(s.task_id), s) for s in results.simulations if s.task_id in wanted)


def model(results: Results) -> str:
    """Who was measured, in τ²-bench's own words."""
    about = results.info.agent_info
    return str(about.get("llm") or about.get("implementation") or "unknown")


def _row(domain: str, task: Task | None, trial: Simulation) -> Row:
    reward = trial.reward_info.reward if trial.reward_info else 0.0
    return Row(
        suite="tau2",
        layer="output",
        case=f"{domain}-{trial.task_id}",
        split="held_out",
        repetition=trial.trial,
        scores={"goal_success_rate": float(reward >= 1)},
        expected=_expected(task),
        got={"reward": reward, "ended": trial.termination_reason},
        tags=(domain,),
        seconds=trial.duration,
        micros=round(MICROS * (trial.agent_cost or 0.0)),
    )


def _expected(task: Task | None) -> Mapping[str, Any] | None:
    criteria = task.evaluation_criteria if task else None
    if criteria is None:
        return None
    return {"reward_basis": criteria.reward_basis, "actions": [a.name for a in criteria.actions or []]}


def _read(path: Path, form: TypeAdapter[Any]) -> Any:
    try:
        return form.validate_json(path.read_bytes().removeprefix(BOM_UTF8))
    except (OSError, ValidationError) as error:
        msg = f"{path} can't be read as the JSON of τ²-bench ({problem(error)}); see docs/public-sets.md"
        raise InvalidInput(msg) from error
