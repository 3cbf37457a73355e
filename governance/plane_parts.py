"""Parts of the control plane, put together in one place."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from governance.anchors import Anchors
from governance.audit import AuditLog
from governance.clock import Clock, utc_now
from governance.gate import Gate
from governance.judge import Policy
from governance.limits import Limits, version_of
from governance.manifest import Manifest
from governance.principals import AgentIdentity, Run
from governance.releases import Begun
from governance.settings import Settings
from governance.spending import Spending
from governance.store import ControlStore
from governance.switchboard import Switchboard
from governance.workers import Worker

if TYPE_CHECKING:
    from governance.vault import Vault


_PATIENCE = timedelta(seconds=30)
"""For how long what was done waits for a database that is away; less than an act's lease."""


class Parts:
    """What the control plane is made of."""

    def __init__(
        self,
        settings: Settings,
        store: ControlStore,
        policy: Policy,
        limits: Limits,
        vault: Vault,
        clock: Clock = utc_now,
        manifest: Manifest | None = None,
    ) -> None:
        """Put it together.

        Args:
            manifest: The files that this deployment runs on; None where nobody keeps book of them.
        """
        self.manifest = manifest
        self.settings = settings
        self.store = store
        self.policy = policy
        self.limits = limits
        self.vault = vault
        self.clock = clock
        self.audit = AuditLog(store, Anchors(settings.home), interval=limits.anchor_interval, clock=clock)
        self.worker = Worker(settings.home)
        self.spending = Spending(limits, self.audit, clock)
        switchboard = Switchboard(limits.breakers, self.audit, clock)
        self.version = version_of(policy.version, limits)
        self.gate = Gate(
            policy, limits, self.audit, self.worker, clock, self.spending, switchboard, self.version
        )
        self.patience = _PATIENCE
        self._configured: set[str] = set()
        self._graphs_seen: set[str] = set()
        self._begun: dict[str, Begun] = {}
        self._runs_seen: dict[str, Run] = {}
        self._agents_seen: set[AgentIdentity] = set()
