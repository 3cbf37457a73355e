"""Speed: what an entry of the audit log costs, and how fast the log is verified."""

from __future__ import annotations

import time

from governance.acts import Cost
from governance.anchors import Anchors
from governance.audit import AuditLog, Entry
from governance.settings import Settings
from governance.store import ControlStore
from governance.verify import verify
from tests.campaigns.desk import Place
from tests.campaigns.forks import Tell

ENTRIES, READY, ROUNDS = 10_000, 32, 10
"""So many in all; so many are ready at once and share a transaction; the best of so many rounds counts."""
ENTRY = Entry(
    "cleared", "harbor", "run-1", "tool", "claims", "abc", "sam", "pay_claim", "Tool::pay_claim", "allow",
    ("pay-within-authority",), "v1", None, Cost(tool_calls=1), "run-1/pay/0/1/pay_claim", {"args": {"a": 1}},
)  # fmt: skip


def audit(place: Place, tell: Tell) -> None:
    """Tell `milliseconds` of this process's CPU an entry, and `verified` entries a CPU-second.

    The best round is told: what else runs on a machine makes the others slower.
    """
    place.enter()
    settings = Settings.from_env()
    log = AuditLog(ControlStore(settings.url("control")), Anchors(settings.home))
    spent = []
    for _ in range(ROUNDS):
        begun = time.process_time()
        for _ in range(ENTRIES // ROUNDS // READY):
            ready = [log.store.submit(lambda tx: log.append(tx, ENTRY)) for _ in range(READY)]
            for each in ready:
                each.result()
        spent.append(time.process_time() - begun)
    read = []
    for _ in range(3):
        begun = time.process_time()
        verdict = verify(log)
        read.append(verdict.entries / (time.process_time() - begun))
    entries = ENTRIES // ROUNDS // READY * READY
    tell({"milliseconds": 1000 * min(spent) / entries, "verified": max(read), "whole": verdict.whole})
    log.store.close()
