"""Outage: the database server stops for a while under many runs, which are then taken up by their process."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from datetime import timedelta

from governance.control import control
from governance.errors import ControlUnavailable
from governance.policy import PolicyEngine
from governance.runs import ENDED
from tests.campaigns import judge, leg
from tests.campaigns.desk import ACTING, Case, Place, open_desk
from tests.campaigns.forks import Child, Tell, live
from tests.campaigns.ground import Places, Server
from tests.campaigns.seams import Deadly

PATIENCE_SECONDS = 150
AWAY = (
    "OperationalError",
    "InterfaceError",
    "AdminShutdown",
    "PoolTimeout",
    "PoolClosed",
    "CannotConnectNow",
)


def outage(
    policy: PolicyEngine,
    places: Places,
    server: Server,
    *,
    crews: Sequence[str],
    runs: int,
    seconds: float = 5,
) -> tuple[int, list[str]]:
    """Let one process for each crew work through `runs` runs, and take the database away meanwhile.

    Returns:
        How often a run was stopped by it, and what was found.
    """
    cases = {name: _cases(places(), name, runs) for name in crews}
    children = {name: Child(_work(cases[name], policy)) for name in crews}
    time.sleep(3)
    server.stop()
    time.sleep(seconds)
    server.start()
    stopped, found = 0, []
    for name, child in children.items():
        life = child.end(patience=PATIENCE_SECONDS + 30)
        stopped += life.told.get("stopped", 0)
        found += [f"{name}: {trouble}" for trouble in _troubles(life.told, hung=life.hung)]
        for case in cases[name]:
            seen = live(lambda tell, case=case: judge.look(case, policy, tell)).told  # type: ignore[misc]
            wrong = judge.at_any_time(case, seen) + judge.at_the_end(seen, len(seen["models"]))
            found += [f"{name} {case.thread}: {each}" for each in wrong]
    return stopped, found


def _cases(place: Place, crew: str, runs: int) -> list[Case]:
    return [Case(place, ACTING[crew], f"t-{n}", ("T-001", 4_000), "idempotent", "sync") for n in range(runs)]


def _work(cases: Sequence[Case], policy: PolicyEngine) -> Callable[[Tell], None]:
    def work(tell: Tell) -> None:
        # Each connection that is lost would be a line.
        logging.getLogger("psycopg").setLevel(logging.CRITICAL)
        plane = open_desk(cases[0], policy, Deadly(None), leg=0)
        stopped = asyncio.run(_all(cases))
        plane.patience = timedelta()
        plane.close()
        tell({"stopped": stopped})

    return work


async def _all(cases: Sequence[Case]) -> int:
    return sum(await asyncio.gather(*(_until_ended(case) for case in cases)))


async def _until_ended(case: Case) -> int:
    """Start a run, and resume it as often as the database stops it."""
    run, stopped, until = "", 0, time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        try:
            run = run or await leg.admit(case)
            await leg.drive(case, run, lambda _: None)
            if (await control().record(run)).state == ENDED:
                return stopped
        except Exception as error:
            if not isinstance(error, ControlUnavailable) and type(error).__name__ not in AWAY:
                raise
        stopped += 1
        await asyncio.sleep(0.5)
    msg = f"{case.crew.name} {case.thread} had not ended after {PATIENCE_SECONDS} s, {stopped} times stopped"
    raise TimeoutError(msg)


def _troubles(told: dict[str, str], *, hung: bool) -> list[str]:
    return (["it hung"] if hung else []) + ([told["raised"]] if "raised" in told else [])
