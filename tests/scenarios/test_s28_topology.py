"""Scenario 28: any task graph has one topology, at an effort linear in its size."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from typing import Any

import pytest

from governance.front_door import FrontDoor
from nodes.topology import Task, shape_of, topology
from tests.scenarios.front_door import graph

GOLDEN = {
    "": "magentic",
    "answer": "direct",
    "answer:one; cite:one < answer": "direct",
    "answer:one; cite:one < answer; shorten:one < cite": "direct",
    "look*": "single",
    "look:one*; note:one* < look": "single",
    "a:one*; b:one*; c:one*": "single",
    "a < b": "direct",
    "a < a": "direct",
    "read; judge < read": "sequential",
    "read; judge* < read; pay* < judge": "sequential",
    "a:one*; b:one* < a; c:one* < b; d:one* < c": "sequential",
    "a; b < a; c < b; d < c; e < d; f < e; g < f; h < g": "sequential",
    "pay < judge; judge < read; read": "sequential",
    "x; y; z; j < x y z": "concurrent",
    "x*; y*; j < x y": "concurrent",
    "s; x < s; y < s; z < s; j < x y z": "concurrent",
    "x; x2 < x; y; y2 < y; j < x2 y2": "concurrent",
    "a:one*; b:one*; c:one*; d:one*": "concurrent",
    "x; y": "handoff",
    "x; y; z": "handoff",
    "s; x < s; y < s": "handoff",
    "x; x2 < x; y": "handoff",
    "draft < check; check < draft": "group_chat",
    "draft < legal tone; legal < draft; tone < draft": "group_chat",
    "start; a < start b; b < a; end < b": "group_chat",
    "facts; records; cover < facts records; cost < facts records; pay < cover cost": "supervisor",
    "a; b; c < a b; d < a b; e < c d; f < c d; g < e f": "supervisor",
    "a; b; c; d; x < a b; y < c d; z < x y": "supervisor",
    "w < nowhere; v < w nothing": "sequential",
}


@pytest.mark.scenario(28)
@pytest.mark.parametrize(("text", "pattern"), GOLDEN.items())
def test_golden_task_graphs(text, pattern):
    rule = topology(shape_of(graph(text)), FrontDoor())

    assert rule.pattern == pattern, rule
    assert rule.because


def random_graph(chance: random.Random, size: int) -> list[Task]:
    names = [f"t{chance.randrange(size)}" if chance.random() < 0.1 else f"t{i}" for i in range(size)]
    needs = [
        [f"t{chance.randrange(size + 2)}" for _ in range(chance.choice([0, 0, 1, 1, 2, 3]))] for _ in names
    ]
    skills = [f"s{chance.randrange(3)}" for _ in names]
    return [Task(name=n, skill=s, needs=mine) for n, s, mine in zip(names, skills, needs, strict=True)]


@pytest.mark.scenario(28)
def test_any_graph_has_one_answer_and_its_width_is_never_too_much():
    chance = random.Random(28)
    exact = acyclic = 0
    for _ in range(400):
        tasks = random_graph(chance, chance.randrange(9))
        shape = shape_of(tasks)
        assert topology(shape, FrontDoor()) == topology(shape_of(tasks), FrontDoor())
        assert 0 <= shape.coupling <= 100
        if not shape.circular:
            largest = largest_antichain(tasks)
            acyclic += 1
            exact += shape.width == largest
            assert shape.width <= largest
    assert acyclic > 100
    assert exact / acyclic > 0.95


def largest_antichain(tasks: list[Task]) -> int:
    """By trying every set of tasks; the test's own way, so as not to repeat the code's."""
    place = {task.name: i for i, task in reversed(list(enumerate(tasks)))}
    below: list[set[int]] = [{place[n] for n in t.needs if place.get(n, i) != i} for i, t in enumerate(tasks)]
    for _ in tasks:
        below = [mine.union(*(below[need] for need in mine)) for mine in below]
    sets = ([i for i in range(len(tasks)) if bits >> i & 1] for bits in range(2 ** len(tasks)))
    return max(len(s) for s in sets if not any(b in below[a] for a in s for b in s))


def operations(work: Callable[[], object]) -> int:
    """How many bytecode operations of topology.py a piece of work takes."""
    done = 0

    def trace(frame: Any, event: str, _arg: Any) -> Any:
        nonlocal done
        if not frame.f_code.co_filename.endswith("topology.py"):
            return None
        frame.f_trace_opcodes = True
        done += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return done


@pytest.mark.scenario(28)
@pytest.mark.parametrize("kind", ["chain", "wide", "layers", "circle"])
def test_the_effort_is_linear_in_tasks_and_needs(kind):
    def tasks(size: int) -> list[Task]:
        needs = {
            "chain": lambda i: [f"t{i - 1}"] if i else [],
            "wide": lambda i: [f"t{j}" for j in range(size - 1)] if i == size - 1 else [],
            "layers": lambda i: [f"t{j}" for j in range(i - i % 10 - 10, i - i % 10)] if i >= 10 else [],
            "circle": lambda i: [f"t{(i + 1) % size}"],
        }[kind]
        return [
            Task.model_construct(name=f"t{i}", skill="s", tools=False, needs=needs(i)) for i in range(size)
        ]

    def each(size: int) -> float:
        made = tasks(size)
        return operations(lambda: shape_of(made)) / (size + sum(len(task.needs) for task in made))

    assert each(400) < 1.1 * each(100)
