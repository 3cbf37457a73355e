"""Contention: many processes want the same budget, the same approval and the same log at one moment."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from governance.acts import Act, Cost, Seam
from governance.audit import Entry
from governance.contract import Contract
from governance.control import use_control
from governance.errors import BudgetExhausted
from governance.limits import Budget, Limits
from governance.policy import PolicyEngine
from governance.principals import Actor
from governance.verify import verify
from tests.campaigns import judge, leg
from tests.campaigns.desk import ACTING, Case, Place, open_desk
from tests.campaigns.forks import Child, Life, Tell, live
from tests.campaigns.seams import Deadly
from tests.matrix.world import SAM, open_plane
from tests.second.office import CASHIER

PROCESSES = 4
RUNS, CALLS, LEFT = 50, 4, 60
RESUMES = 20
ENTRIES = 100
CONTRACT = Contract({"find_order": 9}, {"orders": frozenset({"T-001"})})


def together(work: Callable[[int, Tell], None]) -> list[Life]:
    """Let several processes do the same at once."""
    children = [Child(lambda tell, n=n: work(n, tell)) for n in range(PROCESSES)]  # type: ignore[misc]
    return [child.end(patience=120) for child in children]


def budget(place: Place, policy: PolicyEngine) -> list[str]:
    """Fifty runs at once against one tenant's budget; it is used up and not overspent."""

    def work(number: int, tell: Tell) -> None:
        place.enter()
        plane = open_plane(policy, Limits(tenant=Budget(tool_calls=LEFT)))

        async def run() -> int:
            admitted = await plane.open_run(graph="single", user=SAM, contract=CONTRACT, input={})
            actor, done = Actor(CASHIER.identity, admitted, "work/0"), 0
            for sequence in range(CALLS):
                act = _look(actor, sequence)
                try:
                    clearance = await plane.clear(act)
                except BudgetExhausted:
                    continue
                await plane.settle(clearance, {}, Cost(tool_calls=1))
                done += 1
            return done

        async def runs() -> int:
            return sum(await asyncio.gather(*(run() for _ in range(number, RUNS, PROCESSES))))

        tell({"done": asyncio.run(runs())})
        tell({"spent": asyncio.run(plane.spent("harbor"))["units"]["tool_calls"]})
        plane.close()

    lives = together(work)
    found = _raised(lives)
    done = sum(life.told.get("done", 0) for life in lives)
    most = max(life.told.get("spent", {}).get("spent", 0) for life in lives)
    if (done, most) != (LEFT, LEFT):
        found.append(f"{done} calls were done and {most} are in the books, of a budget of {LEFT}")
    return found


def approval(place: Place, policy: PolicyEngine) -> list[str]:
    """Twenty resumes of one approval at the same moment; there is one effect."""
    case = Case(place, ACTING["single"], "t-1", ("T-002", 90_000), "idempotent", "sync")
    case = replace(case, doubt="asked")  # each execution would be a row of its own
    begun = live(lambda tell: leg.go_on(case, policy, run=None, leg=0, deadly=Deadly(None), tell=tell))
    run = str(begun.told["run"])
    live(lambda tell: leg.people(case, policy, run=run, tell=tell))

    def work(number: int, tell: Tell) -> None:
        plane = open_desk(case, policy, Deadly(None), leg=number + 1)

        async def resumes() -> None:
            await asyncio.gather(*(leg.drive(case, run, tell) for _ in range(RESUMES // PROCESSES)))

        asyncio.run(resumes())
        plane.close()

    found = _raised(together(work))
    seen = live(lambda tell: judge.look(case, policy, tell)).told
    return found + judge.at_any_time(case, seen) + judge.at_the_end(seen, len(seen["models"]))


def log(place: Place, policy: PolicyEngine) -> list[str]:
    """Four processes append to one log; there is no gap and no fork in it."""

    def work(number: int, tell: Tell) -> None:
        place.enter()
        plane = open_plane(policy)
        for _ in range(ENTRIES):
            plane.store.transact_sync(lambda tx: plane.audit.append(tx, Entry("x", body={"by": number})))
        plane.close()
        tell({})

    found = _raised(together(work))

    def check(tell: Tell) -> None:
        place.enter()
        plane = open_plane(policy)
        use_control(plane)
        verdict = verify(plane.audit)
        tell({"whole": verdict.whole, "entries": verdict.entries, "message": verdict.message})
        plane.close()

    told = live(check).told
    if (told.get("whole"), told.get("entries")) != (True, PROCESSES * ENTRIES):
        found.append(str(told))
    return found


def _look(actor: Actor, sequence: int) -> Act:
    args = {"order_id": "T-001"}
    where = ("Tool", "find_order")
    return Act(Seam.TOOL, actor, "find_order", where, args, "x", sequence, Cost(tool_calls=1))


def _raised(lives: list[Life]) -> list[str]:
    return [str(life.told.get("raised", "it hung")) for life in lives if life.hung or "raised" in life.told]
