"""Switchboard: which breakers an act passes, and what its end means for them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from governance import breakers
from governance.acts import Act
from governance.audit import AuditLog, Entry
from governance.clock import Clock
from governance.limits import BreakerRules
from governance.store import Tx


@dataclass(frozen=True, slots=True)
class Switchboard:
    """The breakers of models, tools and agents, with every change in the log.

    Attributes:
        ailing_agents: Breakers of agents that count failures, as far as this process has seen.
    """

    rules: BreakerRules
    audit: AuditLog
    clock: Clock
    ailing_agents: set[str] = field(default_factory=set)

    def check(self, tx: Tx, act: Act, now: datetime, lease: timedelta) -> frozenset[str]:
        """Let an act pass, and name the breakers that it closes if it succeeds.

        Raises:
            BreakerOpen: One is open.
        """
        passed = breakers.names(act)
        found = breakers.check(tx, passed, self.rules, now, lease) if passed else set()
        agents = {name for name in found if name.startswith(breakers.AGENT)}
        self.ailing_agents.update(agents)
        return frozenset(found - agents)

    def blame(self, tx: Tx, *names: str) -> None:
        """Count a failure of a model, a tool or an agent."""
        for name in names:
            if name.startswith(breakers.AGENT):
                self.ailing_agents.add(name)
            if breakers.failed(tx, name, self.rules, self.clock()):
                self.audit.append(tx, Entry("breaker_opened", resource=name))

    def blame_act(self, tx: Tx, act: Act) -> None:
        """Count a failure of what the act needed, which isn't the agent."""
        self.blame(tx, *breakers.names(act)[:1])

    def forgive(self, tx: Tx, names: Collection[str]) -> None:
        """Forget the failures of what works again."""
        for name in breakers.recovered(tx, names):
            self.audit.append(tx, Entry("breaker_closed", resource=name))
        self.ailing_agents.difference_update(names)
