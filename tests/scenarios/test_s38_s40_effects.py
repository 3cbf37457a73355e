"""Scenarios 38 to 40: undo in reverse and once each, a lost acknowledgement, a provider that is down."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest
from pydantic import BaseModel

from cli.checks import BAD, CHECKS, GOOD
from governance.acts import Seam
from governance.contract import Contract
from governance.errors import Denied, InvalidInput, ModelUnavailable
from governance.limits import Timeouts
from governance.policy import PolicyEngine
from governance.principals import Actor
from governance.principals import Run as Admitted
from graphs.sequential import sequential
from graphs.single import single
from models import governed
from models.door import Choice
from nodes.place import RUN_KEY
from nodes.step import Step
from tests.scenarios.conftest import ANN, LENA, Office, calls, says
from tests.second import office
from tests.second.office import CASHIER, Ledger
from tests.second.rules import gathered
from tools.gateway import call
from tools.registry import Toolbox
from tools.spec import EffectKey, Tool, tool
from tools.undo import Report, Undone, undo

ORDER = {"order_id": "T-001"}


class Order(BaseModel):
    order_id: str


def log(name: str, order_id: str, key: str) -> Any:
    """Write one line into the ledger; a second with the same key changes nothing."""
    row = (key, order_id, 0, name)
    return lambda db: db.execute("INSERT OR IGNORE INTO refunds VALUES (?, ?, ?, ?)", row)


def step(name: str, *, undo: str | None = None, **more: Any) -> Tool:
    """A tool that writes its name into the ledger."""

    async def run(order_id: str, *, ledger: Ledger, key: EffectKey) -> Order:
        """Write a line."""
        await ledger.run(log(name, order_id, key))
        return Order(order_id=order_id)

    run.__name__ = name
    run.__annotations__ = {"order_id": str, "ledger": Ledger, "key": EffectKey, "return": Order}
    return tool(owner="office", writes=True, undo=undo, **more)(run)


ONE, TWO, THREE = (step(name, undo=f"un_{name}") for name in ("one", "two", "three"))
UN = [step(f"un_{name}") for name in ("one", "two", "three")]
BOX = Toolbox([ONE, TWO, THREE, *UN, office.find_order, office.refund, office.take_back])


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> PolicyEngine:
    """The office's rules, and one that lets a cashier take the steps of these tests."""
    rule = (
        '@id("steps") permit (principal in AgentKind::"cashier", action in'
        ' [Action::"one", Action::"two", Action::"three"], resource);'
    )
    return gathered(tmp_path_factory.mktemp("policies"), rule=rule, toolbox=BOX)


def lines() -> list[str]:
    """What was done, in order."""
    return [row[2] for row in Ledger.current().rows()]


async def did(desk: Office, *tools: Tool) -> Admitted:
    """A run of Ann's in which a cashier called these tools."""
    run = await desk.plane.open_run(
        graph="single",
        user=ANN,
        contract=Contract(dict.fromkeys(BOX, 9), {"orders": frozenset({"T-001"})}),
        subject="ann",
        verified="user",
        input={},
    )
    actor = Actor(CASHIER.identity, run, "work/0")
    for number, each in enumerate(tools):
        await call(each, ORDER, actor=actor, sequence=number)
    await desk.plane.conclude(run.id, {"status": "failed"})
    return run


def states(report: Report) -> list[str]:
    return [each.state.value for each in report.steps]


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Names of tools that fail before they do anything."""
    names: set[str] = set()
    whole = Ledger.run

    async def run(self: Ledger, work: Any) -> Any:
        row = work.__closure__[0].cell_contents if work.__closure__ else ("", "", 0, "")
        if row[3] in names:
            raise ConnectionError(row[3])
        return await whole(self, work)

    monkeypatch.setattr(Ledger, "run", run)
    return names


@pytest.mark.scenario(38)
async def test_compensations_run_in_reverse_and_once_each(desk):
    run = await did(desk, ONE, TWO, THREE)

    for _ in range(2):
        report = await undo(BOX, LENA, run.id)
        assert states(report) == ["undone"] * 3

    assert lines() == ["one", "two", "three", "un_three", "un_two", "un_one"]
    assert (await desk.plane.record(report.run.id)).outcome["status"] == "completed"
    cleared = list(desk.plane.audit.entries(run=report.run.id, kind="cleared"))
    assert [(e["user_id"], e["body"]["approved_by"]) for e in cleared] == [("lena", "lena")] * 3
    (asked, *_) = desk.plane.audit.entries(run=report.run.id, kind="approval_requested")
    (decided, *_) = desk.plane.audit.entries(run=report.run.id, kind="approval_decided")
    assert decided["body"]["requester"] == "sam", "whoever started the run isn't who agreed"
    assert asked["action"] == "un_three"


@pytest.mark.scenario(38)
async def test_one_step_alone_then_the_rest(desk):
    run = await did(desk, ONE, TWO, THREE)
    assert states(await undo(BOX, LENA, run.id, only="two")) == ["undone"]
    assert lines()[3:] == ["un_two"]
    with pytest.raises(InvalidInput, match="it did one, two, three"):
        await undo(BOX, LENA, run.id, only="four")
    await undo(BOX, LENA, run.id)
    assert lines()[3:] == ["un_two", "un_three", "un_one"]


@pytest.mark.scenario(38)
async def test_whoever_started_the_run_needs_another_persons_yes(desk):
    run = await did(desk, ONE, TWO)
    report = await undo(BOX, ANN, run.id)
    assert states(report) == ["waiting", "left"]
    assert lines() == ["one", "two"]
    asked = await desk.plane.pending("harbor")
    lead_too = replace(ANN, roles=frozenset({"claims-lead"}))
    with pytest.raises(Denied):
        await desk.plane.decide(lead_too, {"approval_id": asked[0].id, "type": "approve"})

    for question in asked:
        await desk.plane.decide(LENA, {"approval_id": question.id, "type": "approve"})
        report = await undo(BOX, LENA, run.id, agrees=False)
    assert states(report) == ["undone"] * 2
    assert lines()[2:] == ["un_two", "un_one"]


@pytest.mark.scenario(38)
async def test_others_may_not_undo_it_at_all(desk):
    run = await did(desk, ONE)
    stranger = replace(ANN, id="bob")
    with pytest.raises(Denied):
        await undo(BOX, stranger, run.id)
    foreign = replace(LENA, tenant="lakeside")
    with pytest.raises(Denied):
        await undo(BOX, foreign, run.id)
    assert lines() == ["one"]


@pytest.mark.scenario(38)
async def test_a_failing_compensation_goes_to_a_person_and_what_was_undone_is_known(desk, broken):
    run = await did(desk, ONE, TWO, THREE)
    broken.add("un_two")

    report = await undo(BOX, LENA, run.id)

    assert states(report) == ["undone", "failed", "left"]
    assert lines()[3:] == ["un_three"]
    (waiting,) = await desk.plane.unsettled("harbor")
    assert (waiting.action, waiting.key) == ("un_two", report.steps[1].key)
    assert (await desk.plane.record(report.run.id)).state != "ended"

    await desk.plane.settle_effect(LENA, waiting.key, result=dict(ORDER), reason="taken back by telephone")
    report = await undo(BOX, LENA, run.id)
    assert states(report) == ["undone"] * 3
    assert lines()[3:] == ["un_three", "un_one"], "nothing twice, and what a person did isn't done again"
    assert await desk.plane.unsettled("harbor") == []


@pytest.mark.scenario(38)
async def test_killed_in_mid_undo_it_goes_on_and_does_nothing_twice(desk, monkeypatch):
    """The process dies after the second compensation was made and before that was written down."""
    run = await did(desk, ONE, TWO, THREE)
    settle, done = type(desk.plane).settle, []

    async def dies(plane: Any, clearance: Any, *args: Any, **more: Any) -> None:
        if clearance.act.action == "un_two":
            raise asyncio.CancelledError
        done.append(clearance.act.action)
        await settle(plane, clearance, *args, **more)

    monkeypatch.setattr(type(desk.plane), "settle", dies)
    with pytest.raises(asyncio.CancelledError):
        await undo(BOX, LENA, run.id)
    monkeypatch.setattr(type(desk.plane), "settle", settle)
    desk.plane.worker.stop()
    desk.plane.worker.id += "-again"
    assert lines()[3:] == ["un_three", "un_two"]

    report = await undo(BOX, LENA, run.id)

    assert states(report) == ["undone"] * 3
    assert lines()[3:] == ["un_three", "un_two", "un_one"]


@pytest.mark.scenario(38)
async def test_what_nothing_takes_back_is_named_and_the_rest_is_undone(desk):
    run = await did(desk, ONE, THREE)
    box = Toolbox([ONE, step("three"), *UN])
    report = await undo(box, LENA, run.id)
    assert [each.state for each in report.steps] == [Undone.IRREVERSIBLE, Undone.UNDONE]
    assert (await desk.plane.record(report.run.id)).outcome["status"] == "partial"
    assert "three" in str((await desk.plane.record(report.run.id)).outcome["reasons"])


# Scenario 39: the tool did it, and its answer was lost.


class Flaky:
    """Makes refunds, and loses what it answers."""

    def __init__(self, losses: int, *, idempotent: bool, query: Any = None) -> None:
        self.keys: list[str] = []
        self.losses = losses

        async def refund(order_id: str, amount: int, iban: str, *, ledger: Ledger, key: EffectKey) -> Order:
            """Refund an order."""
            self.keys.append(key)
            if idempotent:
                await ledger.run(log("refund", order_id, key))
            else:
                await ledger.run(log("refund", order_id, f"{key}#{len(self.keys)}"))
            if len(self.keys) <= self.losses:
                raise TimeoutError
            return Order(order_id=order_id)

        hints = {"order_id": str, "amount": int, "iban": str, "ledger": Ledger, "key": EffectKey}
        refund.__annotations__ = hints | {"return": Order}
        make = tool(owner="office", writes=True, undo="take_back", idempotent=idempotent, settled_by=query)
        self.tool = make(refund)


async def found_in_ledger(*, ledger: Ledger, key: EffectKey) -> dict[str, str] | None:
    """Look for a refund by its key."""
    rows = ledger._run(
        lambda db: db.execute("SELECT order_id FROM refunds WHERE key LIKE ?", (f"{key}%",)).fetchall()
    )
    return {"order_id": rows[0][0]} if rows else None


async def no_answer(*, key: EffectKey) -> dict[str, str] | None:
    """Fail to say."""
    raise ConnectionError(key)


LOOKUP, NO_ANSWER = tool(owner="office")(found_in_ledger), tool(owner="office")(no_answer)


async def started(desk: Office, flaky: Flaky) -> Any:
    graph = single(replace(CASHIER, tools=(flaky.tool,))).compile(name="single", checkpointer=desk.saver)
    token = await desk.plane.vault.token("harbor", "iban", office.IBANS["ann"])
    desk.script(calls("refund", order_id="T-001", amount=4_000, iban=token), says("refunded"))
    return await desk.start(graph)


@pytest.mark.scenario(39)
@pytest.mark.parametrize(
    ("idempotent", "losses", "query"),
    [(True, 1, None), (True, 2, LOOKUP), (False, 1, LOOKUP)],
    ids=["asked-again", "lost-twice-and-looked-up", "looked-up"],
)
async def test_a_lost_acknowledgement_has_one_effect_under_one_key(desk, idempotent, losses, query):
    flaky = Flaky(losses, idempotent=idempotent, query=query)

    run = await started(desk, flaky)

    assert run.outcome["status"] == "completed"
    assert len(desk.refunds()) == 1
    assert len(set(flaky.keys)) == 1
    assert desk.model.prompts[-1].text.count("T-001"), "the agent was told that it is done"


@pytest.mark.scenario(39)
@pytest.mark.parametrize("query", [None, NO_ANSWER], ids=["no query", "query is down"])
async def test_what_nobody_can_tell_waits_for_a_person_then_the_run_goes_on(desk, query):
    flaky = Flaky(1, idempotent=False, query=query)
    run = await started(desk, flaky)
    (waiting,) = run.waiting
    for _ in range(3):
        await run.resume()
        assert run.waiting, "a resume settles nothing"
    assert len(desk.refunds()) == 1

    await desk.plane.settle_effect(LENA, waiting["effect"], result=dict(ORDER), reason="it is in the ledger")
    await run.resume()

    assert run.outcome["status"] == "completed"
    assert (len(desk.refunds()), len(flaky.keys), desk.model.calls) == (1, 1, 2)


@pytest.mark.scenario(39)
async def test_what_did_not_happen_is_done_after_a_person_said_so(desk):
    flaky = Flaky(1, idempotent=False)
    run = await started(desk, flaky)
    await Ledger.current().run(lambda db: db.execute("DELETE FROM refunds"))
    await desk.plane.settle_effect(LENA, run.waiting[0]["effect"], result=None, reason="not in the ledger")
    await run.resume()
    assert run.outcome["status"] == "completed"
    assert len(desk.refunds()) == 1


# Scenario 40: the provider is down.

BIG, SMALL = Choice("openai", "big", remote=False), Choice("openai", "small", remote=False)


class Down(Exception):
    """The provider answers nothing."""


@pytest.fixture
def providers(monkeypatch: pytest.MonkeyPatch, desk: Office) -> dict[str, Any]:
    """Two models for each role; `down` are those that fail after `left` answers, `asked` is who was asked."""
    world: dict[str, Any] = {"down": {"big"}, "left": 0, "asked": [], "fallbacks": (BIG, SMALL), "away": None}

    async def ask(choice: Choice, messages: Any, tools: Any, *, must_call: bool) -> Any:
        world["asked"].append(choice.model)
        world["left"] -= 1
        if choice.model in world["down"] and world["left"] < 0:
            raise world["away"] or Down(choice.model)
        return await desk.model.ainvoke(list(messages))

    monkeypatch.setattr(governed, "_call", ask)
    monkeypatch.setattr(governed, "choices", lambda _role: world["fallbacks"])
    return world


async def answered(desk: Office) -> dict[str, Any]:
    desk.script(says("yes"))
    graph = single(CASHIER).compile(name="single", checkpointer=desk.saver)
    run = await desk.start(graph)
    return run.outcome if "outcome" in (run.state or {}) else run.waiting[0]


@pytest.mark.scenario(40)
async def test_the_stand_in_answers_and_the_broken_one_is_left_alone(desk, providers):
    for _ in range(3):
        assert (await answered(desk))["status"] == "completed"
    assert providers["asked"] == ["big", "big", "small", "big", "big", "small", "big", "small"]
    assert (await answered(desk))["status"] == "completed"
    assert providers["asked"][8:] == ["small"]
    opened = [e["resource"] for e in desk.plane.audit.entries(kind="breaker_opened")]
    assert opened == ["model:openai/big"]


async def resumed(graph: Any, record: Any) -> dict[str, Any]:
    """What a run comes to that stopped, in another process."""
    config = {"configurable": {"thread_id": record.run.thread_id, RUN_KEY: record.run.id}}
    outcome: dict[str, Any] = (await graph.ainvoke(None, config))["outcome"]
    return outcome


@pytest.mark.scenario(40)
@pytest.mark.parametrize("lost", [ConnectionError("503 overloaded"), TimeoutError()])
async def test_an_outage_asks_nobody_and_the_run_goes_on_when_it_is_over(desk, providers, lost, monkeypatch):
    """Whoever decides cases has nothing to decide; the first agent's work isn't paid twice."""
    monkeypatch.setattr("graphs.domain.domain", lambda: None)
    assert (await CHECKS["breakers"]()).state == GOOD
    chain = sequential([Step(office.READER), Step(office.JUDGE)])
    graph = chain.compile(name="sequential", checkpointer=desk.saver)
    desk.script(calls("Facts", order_id="T-001", amount=4_000))
    providers |= {"fallbacks": (BIG,), "away": lost, "left": 1}
    for _ in range(3):
        with pytest.raises(ModelUnavailable, match="big"):
            await desk.start(graph)
    assert providers["asked"] == ["big"] * 6, "one answer, five failures, and then it is left alone"
    assert await desk.plane.pending("harbor") == []
    *_, first = await desk.plane.runs()
    (noted,) = desk.plane.audit.entries(run=first.run.id, kind="model_unavailable")
    assert (noted["body"]["agent"], first.state) == ("judge", "running")
    stopped = await desk.plane.without_model()
    assert (len(stopped), stopped[0]) == (3, first.run.id)
    told = await CHECKS["breakers"]()
    assert (told.state, "model:openai/big" in told.detail) == (BAD, True)
    assert f"`tower resume` each: {first.run.id}" in told.todo
    providers["down"].clear()
    with pytest.raises(ModelUnavailable, match="breaker of model:openai/big is open"):
        await resumed(graph, first)
    long_ago = "UPDATE breakers SET opened = '2026-01-01T00:00:00.000000Z'"
    await desk.plane.store.transact(lambda tx: tx.execute(long_ago))
    desk.script(calls("Verdict", refund=False, reason="too late"))

    outcome = await resumed(graph, first)

    assert outcome["status"] == "completed"
    assert (len(providers["asked"]), outcome["usage"]["model_calls"]) == (7, 4)
    assert await desk.plane.breakers() == []
    assert first.run.id not in await desk.plane.without_model()


@pytest.mark.scenario(40)
async def test_an_overloaded_server_is_left_alone_for_a_moment(desk, providers):
    desk.plane.limits = replace(desk.plane.limits, timeouts=Timeouts(pause=3_600))
    providers |= {"fallbacks": (BIG,), "away": ConnectionError("503 overloaded")}
    run = asyncio.create_task(desk.start(single(CASHIER).compile(name="single", checkpointer=desk.saver)))
    while not list(desk.plane.audit.entries(kind="failed")):  # noqa: ASYNC110 - another thread writes
        await asyncio.sleep(0.01)
    await asyncio.wait([run], timeout=0.3)

    assert (providers["asked"], run.done()) == (["big"], False)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run


@pytest.mark.scenario(40)
async def test_another_agent_stands_in_whose_model_is_there(desk, providers, monkeypatch):
    named = {"worker": (BIG,), "planner": (SMALL,)}
    monkeypatch.setattr(governed, "choices", named.__getitem__)
    providers["away"] = TimeoutError()
    second = replace(office.SECOND_READER, model="planner")
    chain = sequential([Step(office.READER, fallback=second)])
    desk.script(calls("Facts", order_id="T-001", amount=4_000))

    run = await desk.start(chain.compile(name="sequential", checkpointer=desk.saver))

    assert run.outcome["status"] == "completed"
    assert providers["asked"] == ["big", "big", "small"]


@pytest.mark.scenario(40)
async def test_a_model_that_answers_and_never_wholly_is_a_persons_matter(desk, providers):
    providers["fallbacks"] = (BIG,)
    asked = await answered(desk)
    assert asked["approval_id"], "a person is asked"
    assert "failed 2 times" in json.dumps(asked)


@pytest.mark.scenario(40)
async def test_a_wrong_key_asks_nobody_and_stops_the_run_until_an_operator_mends_it(desk, providers):
    """As often as it happens: neither budget nor breaker nor inbox has anything of it."""
    providers["fallbacks"], providers["away"] = (BIG,), ModelUnavailable("401 wrong key")
    graph = single(CASHIER).compile(name="single", checkpointer=desk.saver)
    for _ in range(6):
        with pytest.raises(ModelUnavailable, match=r"model big .*for an operator: 401 wrong key"):
            await desk.start(graph)
    assert providers["asked"] == ["big"] * 6, "once each: another attempt would fare no better"
    assert await desk.plane.pending("harbor") == []
    stopped = (await desk.plane.runs(limit=1))[0]
    assert (await desk.plane.usage(stopped.run.id))["model_calls"] == 0

    providers["down"].clear()
    desk.script(says("yes"))
    config = {"configurable": {"thread_id": stopped.run.thread_id, RUN_KEY: stopped.run.id}}
    resumed = await graph.ainvoke(None, config)
    assert resumed["outcome"]["status"] == "completed"


@pytest.mark.scenario(40)
async def test_the_stand_in_answers_for_one_that_turns_us_away_as_well(desk, providers):
    providers["away"] = ModelUnavailable("401 wrong key")
    assert (await answered(desk))["status"] == "completed"
    assert providers["asked"] == ["big", "small"]


@pytest.mark.scenario(40)
async def test_an_answer_of_the_stand_in_is_not_paid_again_when_the_first_is_well(desk, providers):
    """A step that is executed again finds what the other model said."""
    run = await desk.plane.open_run(graph="single", user=ANN, contract=Contract(), input={})
    actor = Actor(CASHIER.identity, run, "work/0")
    desk.script(says("from the small one"))
    first = await governed.ask("worker", [says("?")], actor=actor, sequence=1)
    providers["down"].clear()
    again = await governed.ask("worker", [says("?")], actor=actor, sequence=1)
    assert (again.text, again.id) == (first.text, first.id)
    assert providers["asked"] == ["big", "big", "small"]
    spent = [e["cost"] for e in desk.plane.audit.entries(run=run.id) if e.get("seam") == Seam.MODEL.value]
    assert (await desk.plane.usage(run.id))["model_calls"] == 3, f"every attempt counts: {spent}"
