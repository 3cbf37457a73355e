"""Scenarios 28 to 30: the simplest pattern that fits, one rung up where it fails, and what is learned."""

from __future__ import annotations

import json
import random
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from langgraph.graph import END, START
from langgraph.graph.state import CompiledStateGraph

from governance import runs
from governance.choices import Trial, explanations, record, trials
from governance.front_door import FrontDoor
from governance.limits import Budget, Limits, load_limits
from governance.policy import PolicyEngine
from governance.principals import User
from graphs.adaptive import adaptive
from graphs.handoff import handoff
from graphs.pattern import PatternError, add, new_graph
from graphs.sequential import sequential
from graphs.single import single
from nodes.deliver import deliver_node
from nodes.selection import Job, select
from nodes.topology import Task, shape_of, topology
from tests.scenarios.conftest import LENA, Office, Run, calls, says
from tests.second import office
from tests.second.rules import gathered

FORBIDDEN = """
@id("no-swarms")
@reason("Swarms are not for this office.")
forbid (principal, action == Action::"route", resource == Agent::"sequential")
when { context.user_roles.contains("no-chains") };
"""
Graph = CompiledStateGraph[Any, Any, Any, Any]


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> PolicyEngine:
    """The office's policies, with one more: people of a certain role get no chains."""
    return gathered(tmp_path_factory.mktemp("policies"), rule=FORBIDDEN)


# Scenario 28: golden task graphs ---------------------------------------------------------------------


def graph(text: str) -> list[Task]:
    """`a:skill* < b c; …`: task a of a skill, with tools, that needs b and c."""
    made = []
    for part in filter(None, (part.strip() for part in text.split(";"))):
        head, _, needs = part.partition("<")
        name, _, skill = head.strip().rstrip("*").partition(":")
        made.append(Task(name=name, skill=skill or name, tools="*" in head, needs=needs.split()))
    return made


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


# The front door on the ticket office -----------------------------------------------------------------


def coin(name: str, chance: Mapping[str, float], seed: random.Random) -> Graph:
    """A pattern that solves a share of its requests."""

    async def work(state: Any) -> dict[str, Any]:
        if seed.random() < chance[name]:
            return {"results": {"work": {"answer": f"done by {name}"}}}
        return {"faults": [{"status": "failed", "step": "work", "reason": f"{name} could not"}]}

    g = new_graph()
    add(g, "work", work)
    add(g, "deliver", deliver_node())
    g.add_edge(START, "work")
    g.add_edge("work", "deliver")
    g.add_edge("deliver", END)
    return g.compile(name=name)


def patterns() -> dict[str, Graph]:
    return {
        "single": single(office.CASHIER).compile(name="single"),
        "handoff": handoff([office.A, office.B], edges={"a": ["b"], "b": ["a"]}).compile(name="handoff"),
        "sequential": sequential(office.STEPS).compile(name="sequential"),
    }


def front_door(desk: Office, graphs: Mapping[str, Graph] | None = None, **more: Any) -> Graph:
    jobs = more.pop("jobs", office.JOBS)
    built = adaptive(office.DOOR, jobs, graphs or patterns(), **more)
    return built.compile(name="adaptive", checkpointer=desk.saver)


def picks(job: str, **more: Any) -> Any:
    return calls("Choice", job=job, reason="it says so", **more)


def answer(run: Run, kind: str, **more: Any) -> dict[str, Any]:
    return {"approval_id": run.waiting[0]["approval_id"], "type": kind, **more}


async def why(run: Run) -> list[Mapping[str, Any]]:
    return [choice.body for choice in await explanations(run.office.plane, run.id)]


@pytest.mark.scenario(28)
async def test_a_trivial_task_takes_one_call_beyond_the_choice(desk):
    trivial = (replace(office.JOBS[0], plan=tuple(graph("answer"))), *office.JOBS[1:])
    plain = office.agent("answer", "reader")
    graphs = patterns() | {"single": single(plain).compile(name="single")}
    desk.script(picks("lookup"), says("Monday to Friday."))

    run = await desk.start(front_door(desk, graphs, jobs=trivial))

    assert run.outcome["status"] == "completed"
    assert desk.model.calls == 2
    assert run.outcome["usage"]["model_calls"] == 2
    assert run.outcome["usage"]["tool_calls"] == 0


@pytest.mark.scenario(28)
async def test_the_choice_is_logged_with_the_numbers_it_rests_on(desk):
    desk.script(picks("lookup"), calls("find_order", order_id="T-001"), says("It cost 40.00."))

    run = await desk.start(front_door(desk))

    [choice] = await explanations(desk.plane, run.id)
    assert choice.unaltered
    assert choice.body["to"] == "single"
    assert choice.body["rule"]["name"] == "one specialist"
    assert choice.body["shape"]["width"] == 1
    assert run.outcome["result"]["routed"]["pattern"] == "single"
    [judged] = run.entries("pattern_judged")
    assert judged["body"]["quality"] == 100


@pytest.mark.scenario(28)
async def test_the_choosers_plan_decides_the_topology_within_the_ladder(desk):
    plan = [{"name": "x", "skill": "orders"}, {"name": "y", "skill": "refunds"}]
    desk.script(picks("lookup", plan=plan), says("Done."))

    run = await desk.start(front_door(desk))

    assert (await why(run))[0]["to"] == "handoff"
    assert (await why(run))[0]["planned_by"] == "chooser"


@pytest.mark.scenario(28)
async def test_what_is_no_work_of_ours_goes_to_a_person(desk):
    desk.script(picks("other"))

    run = await desk.start(front_door(desk), "Write a poem")

    assert run.outcome["status"] == "escalated"
    assert "a person has to look at it" in run.outcome["reasons"][0]
    assert desk.model.calls == 1
    assert (await why(run))[0]["to"] == "person"


@pytest.mark.scenario(28)
async def test_an_unknown_job_is_asked_again_and_ends_typed(desk):
    desk.script(*[picks("poetry")] * 3)

    run = await desk.start(front_door(desk))

    assert run.outcome["status"] == "failed"
    assert desk.model.calls == 3


def test_a_front_door_that_makes_no_sense_is_not_built(desk):
    with pytest.raises(PatternError, match="may name"):
        front_door(desk, jobs=office.JOBS[:2])
    with pytest.raises(PatternError, match="no job's ladder leads to swarm"):
        front_door(desk, patterns() | {"swarm": patterns()["single"]})


# Scenario 29: the quality gate -----------------------------------------------------------------------


@pytest.mark.scenario(29)
async def test_a_failed_rung_goes_one_up_and_the_higher_one_starts_from_the_request(desk):
    desk.script(picks("lookup"), *[says("")] * 3, says("It cost 40.00."))

    run = await desk.start(front_door(desk))

    assert run.outcome["status"] == "completed"
    assert run.outcome["result"]["routed"]["pattern"] == "handoff"
    assert "single: failed" in run.outcome["reasons"][0]
    assert [choice["to"] for choice in await why(run)] == ["single", "handoff"]
    assert len(desk.model.prompts[-1].messages) == 2, "the request, and nothing of what failed"
    assert [e["body"]["quality"] for e in run.entries("pattern_judged")] == [0, 100]


@pytest.mark.scenario(29)
@pytest.mark.parametrize("most", [0, 1, 3])
async def test_it_climbs_at_most_so_often(desk, most):
    desk.script(picks("lookup"))
    hopeless = {name: coin(name, dict.fromkeys(patterns(), 0.0), random.Random(0)) for name in patterns()}

    run = await desk.start(front_door(desk, hopeless, max_climbs=most))

    assert run.outcome["status"] == "failed"
    assert [choice["to"] for choice in await why(run)] == ["single", "handoff", "sequential"][: 1 + most]
    last = "there is no rung above" if most == 3 else "as often as it may be"
    assert last in run.outcome["reasons"][-1]


@pytest.mark.scenario(29)
async def test_a_person_is_asked_on_the_last_rung_only(desk):
    desk.script(picks("lookup"), *[says("")] * 6)

    run = await desk.start(front_door(desk, max_climbs=1))

    assert [choice["to"] for choice in await why(run)] == ["single", "handoff"]
    assert len(run.waiting) == 1


@pytest.mark.scenario(29)
async def test_nothing_that_had_an_effect_is_tried_again(desk):
    paid = {"order_id": "T-001", "amount": 4000}
    iban = await desk.plane.vault.token("harbor", "iban", office.IBANS["ann"])
    desk.script(picks("lookup"), calls("refund", iban=iban, **paid), *[says("")] * 3)

    run = await desk.start(front_door(desk))

    assert [row[:2] for row in desk.refunds()] == [("T-001", 4000)]
    await desk.plane.decide(LENA, answer(run, "reject", message="it is paid"))
    await run.resume()
    assert run.outcome["status"] == "failed"
    assert "may have acted: refund" in run.outcome["reasons"][-1]
    assert len(await why(run)) == 1


@pytest.mark.scenario(29)
async def test_a_persons_no_is_not_gone_round(desk):
    both = (office.JOBS[0], replace(office.JOBS[1], ladder=("sequential", "handoff")), office.JOBS[2])
    good, wrong = ({"order_id": "T-001", "amount": amount} for amount in (4000, 9999))
    desk.script(picks("refund"), calls("Facts", **wrong), *[says("I can't say")] * 3)
    run = await desk.start(front_door(desk, jobs=both))
    edited = {"name": "ask_human", "args": {"step": "read", "values": json.dumps(good)}}
    await desk.plane.decide(LENA, answer(run, "edit", edited_action=edited))
    await run.resume()
    assert desk.model.calls == 5
    assert run.waiting, "a person has been asked before, so no other pattern is tried instead"

    await desk.plane.decide(LENA, answer(run, "reject", message="illegible"))
    await run.resume()

    assert run.outcome["status"] == "failed"
    assert "a person was asked" in run.outcome["reasons"][-1]
    assert len(await why(run)) == 1


@pytest.mark.scenario(29)
async def test_denied_is_a_no_and_no_reason_to_climb(desk):
    desk.script(picks("lookup"), calls("refund", order_id="T-003", amount=1, iban="x"), says("I may not."))

    run = await desk.start(front_door(desk))

    assert run.outcome["status"] == "denied"
    assert len(await why(run)) == 1
    assert run.entries("pattern_judged") == []


@pytest.mark.scenario(29)
async def test_without_budget_there_is_no_climbing(desk):
    desk.script(picks("lookup"), *[says("")] * 3)
    tight = replace(desk.plane.limits, run=Budget(model_calls=5, handoffs=6))
    object.__setattr__(desk.plane, "limits", tight)
    run = await desk.start(front_door(desk))

    assert run.waiting, "who has no budget to try another pattern asks a person"
    await desk.plane.decide(LENA, answer(run, "reject", message="too dear"))
    await run.resume()
    assert desk.model.calls == 4
    assert run.outcome["status"] == "failed"


class Sure(office.Verdict):
    """A verdict with how sure it is."""

    answer: str
    confidence: int


@pytest.mark.scenario(29)
@pytest.mark.parametrize(("sure", "ends"), [(10, "escalated"), (80, "completed")])
async def test_too_unsure_or_without_a_source_never_reads_as_a_normal_answer(desk, sure, ends):
    unsure = single(office.agent("judge", "reader", returns=Sure)).compile(name="single")
    jobs = (replace(office.JOBS[0], ladder=("single",)), *office.JOBS[1:])
    line = calls("Sure", refund=True, reason="so it seems", answer="yes", confidence=sure)
    graphs = patterns() | {"single": unsure}
    del graphs["handoff"]
    desk.script(picks("lookup"), line)

    run = await desk.start(front_door(desk, graphs, jobs=jobs))

    assert run.outcome["status"] == ends

    sourced = (replace(jobs[0], sources=True), *jobs[1:])
    desk.script(picks("lookup"), calls("Sure", refund=True, reason="so", answer="yes", confidence=99))
    run = await desk.start(front_door(desk, graphs, jobs=sourced))
    assert run.outcome["status"] == "escalated"
    assert "without a source" in run.outcome["reasons"][-1]


# Scenario 30: learning -------------------------------------------------------------------------------


@pytest.fixture
def numbered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs get ids in order, so that the draws are the same each time."""
    numbers = count()
    monkeypatch.setattr(runs, "new_id", lambda: f"run-{next(numbers):016x}")


@pytest.mark.scenario(30)
@pytest.mark.usefixtures("numbered")
async def test_the_better_pattern_is_learned_also_when_it_changes_and_forbidden_ones_are_never_tried(desk):
    chance = {"single": 0.2, "handoff": 0.9, "sequential": 1.0}
    seed = random.Random(30)
    built = front_door(desk, {name: coin(name, chance, seed) for name in chance}, max_climbs=0)
    user = User("sam", "harbor", frozenset({"customer-agent", "no-chains"}))
    desk.script(*[picks("lookup")] * 200)

    went = []
    for number in range(200):
        if number == 100:
            chance |= {"single": 0.9, "handoff": 0.2}
        run = await desk.start(built, user=user)
        [choice] = await why(run)
        went.append(choice["to"])
        assert choice["ruled_out"] == {"sequential": "Swarms are not for this office."}

    parts = [Counter(went[start : start + 40]) for start in (0, 60, 160)]
    assert set(went) == {"single", "handoff"}, "what policy forbids is never tried"
    assert set(went[: FrontDoor().evidence]) == {"single"}, "without evidence the rule decides"
    assert parts[1]["handoff"] > 32 > parts[0]["handoff"]
    assert parts[2]["single"] > 28, "the best pattern changed midway"


@pytest.mark.scenario(30)
async def test_what_is_no_better_for_its_cost_leaves_the_front_door_and_is_named(desk):
    def tried(pattern: str, quality: int, tokens: int) -> Trial:
        return Trial("lookup", pattern, "completed", quality, 2, tokens, 0, 900)

    job, rules = office.JOBS[0], FrontDoor()
    costly = [tried("single", 90, 1000), tried("handoff", 90, 5000)] * 30
    better = [tried("single", 30, 1000), tried("handoff", 90, 5000)] * 30
    few = costly[:10]
    told: dict[str, Any] = {"reason": "", "ruled_out": {}, "limits": rules}

    gone = [select(job, (), trials=costly, seed=str(n), **told) for n in range(50)]
    stays = [select(job, (), trials=better, seed=str(n), **told) for n in range(50)]
    early = select(job, (), trials=few, seed="0", **told)

    assert all(set(s.left) == {"handoff"} and s.to != "handoff" for s in gone)
    assert "single, which is simpler" in gone[0].left["handoff"]
    assert all(not s.left for s in [*stays, early])
    assert Counter(s.to for s in stays)["handoff"] > 35
    forgotten = [tried("single", 90, 1000)] * 60 + costly
    assert not select(job, (), trials=forgotten, seed="0", **told).left, "in time it is tried again"


@pytest.mark.scenario(30)
async def test_an_outcome_is_recorded_once_in_its_tenant(desk):
    desk.script(picks("lookup"), says("It cost 40.00."))
    run = await desk.start(front_door(desk))
    kept = await trials(desk.plane, "harbor", "lookup")
    admitted = await desk.plane.run(run.id)
    await record(desk.plane, admitted, "single/0", replace(kept[0], quality=0))

    assert await trials(desk.plane, "harbor", "lookup") == kept
    assert [(t.pattern, t.status, t.quality, t.model_calls) for t in kept] == [
        ("single", "completed", 100, 1)
    ]
    assert await trials(desk.plane, "lakeside", "lookup") == []
    assert await trials(desk.plane, "harbor", "refund") == []


@pytest.mark.scenario(30)
async def test_an_altered_explanation_is_noticed(desk):
    desk.script(picks("lookup"), says("It cost 40.00."))
    run = await desk.start(front_door(desk))
    body = (await why(run))[0] | {"to": "handoff"}
    await desk.plane.store.transact(
        lambda tx: tx.execute(
            "UPDATE journal SET result = ? WHERE run = ? AND seam = 'route'", (json.dumps(body), run.id)
        )
    )

    [altered] = await explanations(desk.plane, run.id)
    assert not altered.unaltered


def test_limits_that_make_no_sense_are_refused():
    assert load_limits().front_door.evidence == 10
    with pytest.raises(ValueError, match="front_door"):
        Limits(front_door=FrontDoor(forget=0))


@pytest.mark.scenario(30)
async def test_a_choice_that_is_made_again_is_the_same(desk):
    """The journaled choice stands, whatever was recorded in between."""
    desk.script(picks("lookup"), says("It cost 40.00."), says("It cost 40.00."))
    built = front_door(desk)
    run = await desk.start(built)
    first = [s async for s in built.aget_state_history(run.config) if s.next == ("choose",)][-1]
    other = await desk.plane.run(run.id)
    for number in range(40):
        bad = Trial("lookup", "single", "failed", 0, 1, 9, 0, 1)
        await record(desk.plane, other, f"elsewhere/{number}", bad)

    old = {**run.config["configurable"], **first.config["configurable"]}
    again = await built.ainvoke(None, {"configurable": old}, durability="sync")

    assert again["outcome"]["result"]["routed"]["pattern"] == "single"
    assert [choice["to"] for choice in await why(run)] == ["single"]
    assert desk.model.calls == 2, "the run has ended and every answer is in the journal"


def test_the_job_without_rungs_keeps_its_name():
    selection = select(Job("other"), (), reason="", ruled_out={}, trials=(), limits=FrontDoor(), seed="a")
    assert (selection.to, selection.by) == ("person", "nobody")
