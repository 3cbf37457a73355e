"""Chaos campaign: models, tools and disks misbehave, and each run still has to end in what happened."""

from __future__ import annotations

import asyncio
import functools
import importlib
import json
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from governance.control import ControlPlane, use_control
from governance.errors import ModelUnavailable
from governance.journal import State
from governance.limits import BreakerRules, Limits, Timeouts, load_limits
from governance.outcome import Status
from governance.policy import PolicyEngine
from governance.verify import verify
from memory.checkpoints import open_checkpointer
from nodes.admission import Admission, Request
from nodes.place import RUN_KEY
from tests.campaigns.desk import Place
from tests.campaigns.provider import asks
from tests.matrix.crews import CREWS, Crew
from tests.matrix.world import LENA, LETTER, SAM, open_plane
from tests.second import office
from tests.second.office import Ledger

ADMISSION = Admission(office.Customers(), {crew.name: office.CONTRACT for crew in CREWS})
"""One refund, as the office has it: a model that lost the thread may ask for it twice."""
TOOL_FAULTS = ("fails", "hangs", "acts and fails", "acts and hangs", "answers late")
TIMEOUTS = Timeouts(model=1.5, tool=0.4)
BREAKERS = BreakerRules(cool_down=1)
PATIENCE_SECONDS = 120
AT_ONCE = 8
RIGHT = ("T-001", 4_000, office.IBANS["ann"])


@dataclass
class Ended:
    """How one run came out.

    Attributes:
        faults: What went wrong around it, in order.
        wrong: What is not as it should be.
        stops: How often it stopped since no model answered, and was resumed.
    """

    case: str
    status: str
    faults: list[str]
    wrong: list[str] = field(default_factory=list)
    stops: int = 0


class Chaos:
    """Runs of all crews against a model and tools that misbehave.

    Args:
        share: Of tool calls that go wrong; the model's share is its server's.
    """

    def __init__(
        self, policy: PolicyEngine, place: Place, *, seed: int, share: float, model_log: Path
    ) -> None:
        self.policy, self.place, self.seed, self.share, self.model_log = policy, place, seed, share, model_log
        self.tool_faults: dict[str, list[str]] = {}
        self.ended: list[Ended] = []

    def run(self, crews: Sequence[str], runs: int) -> list[Ended]:
        """Let each crew do its work `runs` times, several at once."""
        self.place.enter()
        limits = replace(_limits(), timeouts=TIMEOUTS, breakers=BREAKERS)
        plane = open_plane(self.policy, limits)
        use_control(plane)
        self._arm()
        importlib.import_module("langchain_openai")  # a second, which would count as the model's
        asyncio.run(self._all(plane, [crew for crew in CREWS if crew.name in crews], runs))
        whole = verify(plane.audit)
        if not whole.whole:
            self.ended.append(Ended("the log", "broken", [], [whole.message]))
        plane.close()
        return self.ended

    def _arm(self) -> None:
        """Let the refund fail, hang, or act without saying so."""
        whole = office.refund.run
        counts: Counter[str] = Counter()

        @functools.wraps(whole)
        async def run(*args: Any, key: str, **more: Any) -> Any:
            counts[key] += 1
            chance = random.Random(f"{self.seed}/{self.case_of(key)}/{counts[key]}")
            fault = chance.choice(TOOL_FAULTS) if chance.random() < self.share else ""
            if fault:
                self.tool_faults.setdefault(key.partition("/")[0], []).append(fault)
            if fault == "fails":
                msg = "the ledger is locked"
                raise OSError(msg)
            if fault == "hangs":
                await asyncio.sleep(30)
            if fault == "answers late":
                late = asyncio.create_task(_later(whole(*args, key=key, **more)))
                self.late.add(late)
                await asyncio.sleep(30)
            done = await whole(*args, key=key, **more)
            if fault == "acts and hangs":
                await asyncio.sleep(30)
            if fault == "acts and fails":
                msg = "connection lost"
                raise ConnectionError(msg)
            return done

        self.late: set[asyncio.Task[Any]] = set()
        vars(office.refund).update(run=run)

    def case_of(self, key: str) -> str:
        """The case that an effect belongs to."""
        return self.cases.get(key.partition("/")[0], "")

    async def _all(self, plane: ControlPlane, crews: Sequence[Crew], runs: int) -> None:
        self.cases: dict[str, str] = {}
        places = asyncio.Semaphore(AT_ONCE)
        async with open_checkpointer(plane.settings.url("checkpoints")) as saver:
            graphs = {crew.name: crew.build().compile(name=crew.name, checkpointer=saver) for crew in crews}
            jobs = [(crew, number) for number in range(runs) for crew in crews]
            await asyncio.gather(*(self._one(plane, crew, n, graphs[crew.name], places) for crew, n in jobs))
            await asyncio.gather(*self.late, return_exceptions=True)
            for each in self.ended:
                await self._judge(plane, each)

    async def _one(self, plane: ControlPlane, crew: Crew, number: int, graph: Any, places: Any) -> None:
        case = f"Case {crew.name}-{number}."
        async with places:
            request = Request(f"{LETTER} {case}", customer="ann")
            admitted = await ADMISSION.admit(SAM, crew.name, request, f"{crew.name}-{number}")
            self.cases[admitted.run.id] = case
            config = {
                "configurable": {"thread_id": admitted.run.thread_id, RUN_KEY: admitted.run.id},
                "recursion_limit": 100,
            }
            ended = Ended(case, "", [])
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    await _resumed(graph, admitted.input, config, ended)
            except TimeoutError:
                ended.wrong.append("it hung")
            except Exception as error:  # noqa: BLE001 - whatever it is, it is no typed outcome
                ended.wrong.append(f"it raised {type(error).__name__}: {error}")
            self.ended.append(ended)

    async def _judge(self, plane: ControlPlane, ended: Ended) -> None:
        run = next(run for run, case in self.cases.items() if case == ended.case)
        record = await plane.record(run)
        model = [ask["fault"] for ask in asks(self.model_log) if ask["case"] == ended.case and ask["fault"]]
        ended.faults = model + self.tool_faults.get(run, [])
        waits = [a.action for a in await plane.pending(LENA.tenant) if a.run == run]
        doubts = [
            e.key for e in await plane.unsettled(LENA.tenant) if e.run == run and e.state == State.UNKNOWN
        ]
        outcome = record.outcome or {}
        ended.status = str(
            outcome.get("status") or (f"waits: {[*waits, 'doubt'][0]}" if waits or doubts else record.state)
        )
        rows = await Ledger.current().run(
            lambda db: db.execute(
                "SELECT order_id, amount, iban FROM refunds WHERE key LIKE ?", (f"{run}/%",)
            ).fetchall()
        )
        ended.wrong += _wrong(ended, outcome, rows, waiting=bool(waits or doubts))
        open_acts = await plane.store.read(
            lambda tx: tx.all("SELECT key FROM journal WHERE run = ? AND state = 'open'", (run,))
        )
        if outcome and open_acts:
            ended.wrong.append(f"left open: {open_acts}")


def _wrong(ended: Ended, outcome: dict[str, Any], rows: list[Any], *, waiting: bool) -> list[str]:
    """What a person who trusts the outcome would get wrong."""
    wrong = [f"{len(rows)} refunds"] if len(rows) > 1 else []
    if any(tuple(row) != RIGHT for row in rows):
        wrong.append(f"another refund than was asked for: {rows}")
    if (outcome or waiting) and outcome.get("status") != Status.COMPLETED and not ended.faults:
        wrong.append(f"{ended.status} although nothing went wrong")
    if outcome.get("status") == Status.COMPLETED:
        wrong += _half_done(ended, outcome, rows)
    elif outcome and not outcome.get("reasons"):
        wrong.append(f"{outcome['status']} without a reason")
    elif not outcome and not waiting and not ended.wrong:
        wrong.append("no outcome, and nobody is asked")
    return wrong


def _half_done(ended: Ended, outcome: dict[str, Any], rows: list[Any]) -> list[str]:
    """What was not done of a run that says that it is completed."""
    acts = not ended.case.startswith("Case direct")
    if acts and not rows:
        return [f"completed, and nothing was refunded: {outcome.get('answer')!r}"]
    said = f"{outcome.get('answer')} {json.dumps(outcome.get('result'))}"
    whole = "It is refunded." if acts else "Three days."
    half = whole[:8] in said and whole not in said
    return [f"completed with half an answer: {said}"] if half else []


def _limits() -> Limits:
    return load_limits(folder=office.PROMPTS / "policies")


async def _resumed(graph: Any, given: Any, config: dict[str, Any], ended: Ended) -> None:
    """Take a run to its end, as an operator does: while no model answers it stops, and is resumed."""
    while True:
        try:
            await graph.ainvoke(given, config, durability="sync")
        except ModelUnavailable:
            given, ended.stops = None, ended.stops + 1
            await asyncio.sleep(BREAKERS.cool_down)
        else:
            return


async def _later(work: Any) -> Any:
    await asyncio.sleep(TIMEOUTS.tool + 0.3)
    return await work
