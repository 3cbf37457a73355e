"""Spending: what an act reserves before it and pays after it, and when the degrade step begins."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from governance import budget
from governance.acts import Act, Cost, Seam
from governance.audit import AuditLog, Entry
from governance.budget import Scope
from governance.clock import Clock
from governance.errors import BudgetExhausted
from governance.journal import Found
from governance.limits import Limits
from governance.store import Tx
from governance.timers import Standing

NOTHING = Cost()
_KEPT_RUNS = 1024


@dataclass(frozen=True, slots=True)
class Spending:
    """Budgets of tenant, run and agent, as one purse.

    Attributes:
        scarce: Run → whether its budget ran low when it last reserved something here.
    """

    limits: Limits
    audit: AuditLog
    clock: Clock
    scarce: dict[str, bool] = field(default_factory=dict)

    def check_time(self, act: Act, standing: Standing, now: datetime) -> None:
        """Hold a run to the time that it may be at work.

        Raises:
            BudgetExhausted: It has been at work for as long as it may.
        """
        limit = self.limits.times.run_seconds
        if limit is None or act.seam not in {Seam.MODEL, Seam.TOOL}:
            return
        if standing.worked(now).total_seconds() >= limit:
            scope = f"run:{act.actor.run.id}"
            raise BudgetExhausted(scope, "seconds", limit)

    def reserve(self, tx: Tx, act: Act, found: Found, now: datetime) -> None:
        """Reserve what the act may cost.

        Raises:
            BudgetExhausted: A scope has less left; nothing was reserved.
        """
        self.abandon(tx, act, found)
        if act.cost == NOTHING:
            return
        totals = budget.reserve(tx, act.key, self._scopes(act, now), act.cost)
        if totals and self.limits.degrade:
            self._watch(tx, act, Cost(*totals[f"run:{act.actor.run.id}"]))

    def abandon(self, tx: Tx, act: Act, found: Found) -> None:
        """Settle what a dead worker had reserved for an act."""
        if found.abandoned and budget.settle(tx, act.key):
            # Nobody knows what it used, so all of it counts.
            self.audit.append(tx, Entry.of_act("abandoned", act, cost=act.cost, attempt=found.attempts))

    def pay(self, tx: Tx, act: Act, used: Cost) -> None:
        """Turn the act's reservation into what it used."""
        if act.cost != NOTHING:
            budget.settle(tx, act.key, used)
        elif used != NOTHING:
            budget.charge(tx, self._scopes(act, self.clock()), used)

    def _watch(self, tx: Tx, act: Act, total: Cost) -> None:
        """Note when a run's budget runs low, in the log at the act that brought it there."""
        run, limit = act.actor.run.id, self.limits.run
        share = budget.share(total, limit)
        low = share >= self.limits.degrade_at
        if low and budget.share(budget.minus(total, act.cost), limit) < self.limits.degrade_at:
            entry = Entry.of_run("degraded", act.actor.run, percent=round(100 * share))
            self.audit.append(tx, entry)
        self.scarce[run] = low
        if len(self.scarce) > _KEPT_RUNS:
            self.scarce.pop(next(iter(self.scarce)))

    def _scopes(self, act: Act, now: datetime) -> list[Scope]:
        run = act.actor.run
        path = act.actor.position.split("/")
        workers = [(name, limit) for name, limit in self.limits.workers.items() if name in path]
        return [
            Scope(f"tenant:{run.user.tenant}/{now:%Y-%m-%d}", self.limits.tenant),
            Scope(f"run:{run.id}", self.limits.run),
            *(Scope(f"worker:{run.id}/{name}", limit) for name, limit in workers),
            Scope(f"agent:{run.id}/{act.actor.agent.name}", self.limits.agent),
        ]
