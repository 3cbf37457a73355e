"""Topology: which way of working fits a task graph, by numbers that code computes and no model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, Field

from governance.front_door import FrontDoor

Slug = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]


class Task(BaseModel):
    """One piece of the work."""

    name: Annotated[Slug, Field(description="Short name, such as check_cover")]
    skill: Annotated[Slug, Field(description="Which specialist has to do it, such as billing")]
    tools: Annotated[bool, Field(description="Whether records must be read or changed for it")] = False
    needs: Annotated[
        list[Slug], Field(max_length=12, description="Names of the tasks whose results it needs")
    ] = []


@dataclass(frozen=True, slots=True)
class Shape:
    """A task graph in numbers, each found in time linear in tasks plus needs.

    Attributes:
        tasks: How many there are. Needs that name no task, or the task itself, don't count.
        width: How much can be done at once: the tasks on the fullest level when every task starts as
            early as it can, or as late as it can, whichever is more. No two tasks of a level need each
            other, so this is never more than the largest antichain (which takes a matching to find);
            where it is less, the choice errs towards the simpler pattern.
        depth: Tasks on the longest chain of needs (the critical path).
        coupling: Percent of the needs that tie parallel work together: needs in a circle, and needs of
            a task that draws on two or more others where all of them lie on levels of several tasks.
        circular: Tasks that lie in a circle of needs, or between two circles.
        skills: How many specialists it takes.
        tools: Whether records must be read or changed.
        joined: All results come together in one last task that needs at least two others.
    """

    tasks: int
    width: int
    depth: int
    coupling: int
    circular: int
    skills: int
    tools: bool
    joined: bool


@dataclass(frozen=True, slots=True)
class Rule:
    """The first line of the table in `topology` that applies.

    Attributes:
        pattern: What it leads to.
        because: The numbers in words.
    """

    name: str
    pattern: str
    because: str


def topology(shape: Shape, limits: FrontDoor) -> Rule:
    """The pattern that fits a task graph; total and deterministic."""
    s, few = shape, shape.tasks <= limits.one_agent_tasks
    table = (
        (s.tasks == 0, "unknown plan", "magentic", "nobody can say in advance what has to be done"),
        (s.circular > 0, "mutual needs", "group_chat", f"{s.circular} tasks need each other's results"),
        (s.skills == 1 and few and not s.tools, "trivial", "direct", "one specialist, no records"),
        (s.skills == 1 and few, "one specialist", "single", "one specialist, with records"),
        (s.width == 1, "chain", "sequential", f"{s.depth} tasks, each of which needs the one before"),
        (
            s.coupling >= limits.coupled,
            "wide, coupled",
            "supervisor",
            f"{s.width} tasks side by side, and {s.coupling} % of the needs tie them together",
        ),
        (
            s.joined or s.skills == 1,
            "wide, independent",
            "concurrent",
            f"{s.width} tasks side by side that don't need each other",
        ),
        (
            True,
            "several specialists",
            "handoff",
            f"{s.tasks} concerns for {s.skills} specialists, and no task that brings them together",
        ),
    )
    return next(Rule(*line) for holds, *line in table if holds)


def shape_of(tasks: Sequence[Task]) -> Shape:
    """Measure a task graph; any list of tasks has a shape."""
    needs = _needs(tasks)
    users = _reversed(needs)
    stuck = set(range(len(needs))) - set(_in_order(needs, users))
    circular = stuck - set(_in_order(users, needs))
    tied = sum(need in circular for task in circular for need in needs[task])
    needs = [
        [need for need in mine if not (task in circular and need in circular)]
        for task, mine in enumerate(needs)
    ]
    early = _levels(needs, _reversed(needs))
    late = _levels(_reversed(needs), needs)
    full = Counter(early)
    for task, mine in enumerate(needs):
        drawn = [need for need in mine if full[early[need]] > 1 and full[early[task]] > 1]
        tied += len(drawn) if len(drawn) > 1 else 0
    every = sum(len(mine) for mine in _needs(tasks))
    last = [task for task, followers in enumerate(users) if not followers]
    return Shape(
        tasks=len(tasks),
        width=max([*full.values(), *Counter(late).values()], default=0),
        depth=max(early, default=-1) + 1,
        coupling=100 * tied // every if every else 0,
        circular=len(circular),
        skills=len({task.skill for task in tasks}),
        tools=any(task.tools for task in tasks),
        joined=len(last) == 1 and len(needs[last[0]]) > 1,
    )


def _needs(tasks: Sequence[Task]) -> list[list[int]]:
    """Each task's needs as positions; of two tasks of one name the first is meant."""
    place: dict[str, int] = {}
    for position, task in enumerate(tasks):
        place.setdefault(task.name, position)
    return [
        [place[name] for name in dict.fromkeys(task.needs) if place.get(name, position) != position]
        for position, task in enumerate(tasks)
    ]


def _reversed(needs: Sequence[Sequence[int]]) -> list[list[int]]:
    users: list[list[int]] = [[] for _ in needs]
    for task, mine in enumerate(needs):
        for need in mine:
            users[need].append(task)
    return users


def _in_order(needs: Sequence[Sequence[int]], users: Sequence[Sequence[int]]) -> list[int]:
    """Kahn's order: each task after what it needs; tasks that a circle holds up are left out."""
    open_ = [len(mine) for mine in needs]
    order = [task for task, count in enumerate(open_) if not count]
    for task in order:  # grows while it is read
        for user in users[task]:
            open_[user] -= 1
            if not open_[user]:
                order.append(user)
    return order


def _levels(needs: Sequence[Sequence[int]], users: Sequence[Sequence[int]]) -> list[int]:
    """For each task how many others must come before it, one after another."""
    levels = [0] * len(needs)
    for task in _in_order(needs, users):
        levels[task] = max((levels[need] + 1 for need in needs[task]), default=0)
    return levels
