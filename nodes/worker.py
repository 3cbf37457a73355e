"""Workers: who may be given a step of a plan, and what such a step must say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union

from pydantic import Field, create_model

from nodes.agent import Grounds
from nodes.ledger import PlanStep, ProgressLedger, TaskLedger
from nodes.nested import Compiled
from nodes.team import Agent
from tools.spec import Tool


@dataclass(frozen=True)
class Worker:
    """A member of an investigation.

    Attributes:
        agent: In whose name a step is done; policy judges its kind.
        lookup: A step for it is one call of this tool with the step's typed arguments, and no
            model is asked.
        pattern: A step for it is a run of this graph on the step's task. Without either the agent
            (or the person, with a `HumanAgent`) works on the task itself.
        grounds: Holds the agent's answer against what it read; one repair, then the step has none.
    """

    agent: Agent
    lookup: Tool | None = None
    pattern: Compiled | None = None
    grounds: Grounds | None = None

    @property
    def name(self) -> str:
        """The agent's name, as plans give it."""
        return self.agent.name


def ledgers_for(workers: Sequence[Worker]) -> tuple[type[TaskLedger], type[ProgressLedger]]:
    """The schemas of both ledgers, in which a step names one of the workers and gives what it needs."""
    told = [worker for worker in workers if not worker.lookup]
    kinds = [_step_of(each) for each in ([told] if told else []) + [[w] for w in workers if w.lookup]]
    step: Any = Annotated[Union[tuple(kinds)], Field(discriminator="worker")] if len(kinds) > 1 else kinds[0]  # noqa: UP007 - made of values
    task = create_model(
        "TaskLedger",
        __base__=TaskLedger,
        __doc__=TaskLedger.__doc__,
        plan=(list[step], TaskLedger.model_fields["plan"]),
    )
    progress = create_model(
        "ProgressLedger",
        __base__=ProgressLedger,
        __doc__=ProgressLedger.__doc__,
        next=(list[step], ProgressLedger.model_fields["next"]),
    )
    return task, progress


def _step_of(workers: Sequence[Worker]) -> type[PlanStep]:
    """The step of those who are told in words, in one schema since prompts carry it, or of one lookup."""
    names: Any = Literal[tuple(worker.name for worker in workers)]
    jobs = " ".join(f"{worker.name}: {worker.agent.job}" for worker in workers)
    fields: dict[str, Any] = {"worker": (Annotated[names, Field(description=jobs)], ...)}
    if lookup := workers[0].lookup:
        fields["args"] = (Annotated[lookup.args, Field(description=lookup.description)], ...)
    return create_model(f"{workers[0].name}_step", __base__=PlanStep, **fields)
