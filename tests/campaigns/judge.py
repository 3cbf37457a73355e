"""Judge: what a run has left in the world, and whether any of it may not be."""

from __future__ import annotations

from collections import Counter
from typing import Any

from governance import budget
from governance.policy import PolicyEngine
from governance.store import Tx
from governance.verify import verify
from tests.campaigns.desk import Case
from tests.campaigns.forks import Tell
from tests.campaigns.provider import asks
from tests.matrix.world import open_plane
from tests.second.office import Ledger

Seen = dict[str, Any]
"""One moment of the world, as `look` tells it."""


def look(case: Case, policy: PolicyEngine, tell: Tell) -> None:
    """Tell how the case's run stands in the log, the journal, the budget and the ledger."""
    case.place.enter()
    plane = open_plane(policy)
    verdict = verify(plane.audit)
    seen: Seen = plane.store.read_sync(lambda tx: _recorded(tx, case.thread))
    run = seen["run"]
    entries = list(plane.audit.entries(run=run)) if run else []
    ledger = Ledger.current()
    tell({
        **seen,
        "whole": verdict.whole,
        "verdict": verdict.message,
        "refunds": [key for key in _keys(ledger) if run and key.startswith(f"{run}/")],
        "kinds": dict(Counter(entry["kind"] for entry in entries)),
        "refund_kinds": [_told(entry) for entry in entries if entry.get("action") == "refund"],
    })  # fmt: skip
    plane.close()


def _keys(ledger: Ledger) -> list[str]:
    if not ledger.path.exists():
        return []
    return list(ledger._run(lambda db: [row[0] for row in db.execute("SELECT key FROM refunds").fetchall()]))


def _told(entry: dict[str, Any]) -> str:
    return str(entry["body"].get("refusal", entry["kind"]))


def _recorded(tx: Tx, thread: str) -> Seen:
    row = tx.one("SELECT id, state, outcome FROM runs WHERE thread_id = ?", (thread,))
    if row is None:
        return {"run": None, "state": None, "models": {}, "acts": []}
    run, state, outcome = row
    acts = tx.all("SELECT key, seam, action, state, attempt, repeatable FROM journal WHERE run = ?", (run,))
    return {
        "run": run,
        "state": state,
        "outcome": outcome,
        "models": {key: (stands, attempt) for key, seam, _, stands, attempt, _ in acts if seam == "model"},
        "acts": [act for act in acts if act[2] == "refund"],
        "open": [act[0] for act in acts if act[3] == "open"],
        "spent": budget.spent(tx, f"run:{run}").model_calls,
        "reserved": budget.reserved(tx, f"run:{run}").model_calls,
    }


def paid_twice(case: Case, before: Seen, leg: int) -> list[str]:
    """What was asked in a leg although its answer had been received, or twice within the leg."""
    asked = Counter(ask["key"] for ask in asks(case.place.bill) if ask["leg"] == leg and _of(ask, before))
    done = {key for key, (stands, _) in before["models"].items() if stands == "done"}
    return [f"paid again: {key}" for key, times in asked.items() if key in done or times > 1]


def _of(ask: dict[str, Any], seen: Seen) -> bool:
    return bool(seen["run"]) and str(ask["key"]).startswith(f"{seen['run']}/")


def at_any_time(case: Case, seen: Seen) -> list[str]:
    """What may never be."""
    found = []
    if not seen["whole"]:
        found.append(f"the log isn't whole: {seen['verdict']}")
    if len(seen["refunds"]) > 1:
        found.append(f"{len(seen['refunds'])} refunds: {seen['refunds']}")
    attempts = sum(act[4] for act in seen["acts"])
    if case.doubt != "idempotent" and attempts > 1 and not {"resolved"} & set(seen["refund_kinds"]):
        found.append("tried again, and nobody had said that it was not done")
    return found


def at_the_end(seen: Seen, answers: int, refunds: int = 1) -> list[str]:
    """What must be once a run is over.

    Args:
        answers: How many model answers a run of this crew takes that nobody breaks.
        refunds: How many refunds.
    """
    settled = sum(stands == "done" for stands, _ in seen["models"].values())
    attempts = sum(attempt for _, attempt in seen["models"].values())
    expected = {
        "state": (seen["state"], "ended"),
        "outcome": ('"status": "completed"' in str(seen["outcome"]), True),
        "refunds": (len(seen["refunds"]), refunds),
        "runs opened and ended": ((seen["kinds"]["run_opened"], seen["kinds"].get("run_ended")), (1, 1)),
        "model answers": (settled, answers),
        "acts left open": (seen["open"], []),
        "budget left reserved": (seen["reserved"], 0),
        "model calls in the budget": (seen["spent"], attempts),
        "states of refunds": ([act[3] for act in seen["acts"]], ["done"] * refunds),
    }
    return [f"{what}: {is_}, not {should}" for what, (is_, should) in expected.items() if is_ != should]


def unflagged(before: Seen, after: Seen) -> list[str]:
    """Refunds that a dead process had begun and that may not be repeated, passed over in silence."""
    open_then = {act[0] for act in before["acts"] if act[3] == "open" and not act[5]}
    told = set(after["refund_kinds"][len(before["refund_kinds"]) :])
    still_open = {act[0] for act in after["acts"] if act[3] == "open"}
    if open_then - still_open and not told & {"EffectUnknown", "resolved"}:
        return [f"nobody was told of the doubt about {key}" for key in open_then - still_open]
    return []
