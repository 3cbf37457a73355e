"""Metrics: how the operation does, from the audit log alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cli.people import AUDIT, AsAuditor, within
from cli.terminal import Exit, Json, dump, say, styled

if TYPE_CHECKING:
    from cli.session import Session

LABELS = {
    "runs": "runs",
    "outcomes": "outcomes",
    "completion": "completed, share of those that ended",
    "request_to_fulfilment_seconds": "request to fulfilment, median seconds",
    "manual_touch_points": "decisions by people, per run",
    "change_fail_rate": "undone or left in doubt, share",
    "escalation": "handed to a person, share",
    "conflicts": "with dissent or contradiction, share",
    "per_solved_task": "used per completed run (failed ones included)",
    "recovery_seconds": "from a stop or an open breaker to going on, median seconds",
    "autonomy_by_day": "completed without a person, share by day",
    "audit_preparation_seconds": "reading and checking the log for this, seconds",
}

TOOK = {
    "request_to_fulfilment": "request to fulfilment",
    "at_work": "the same without waiting for people",
    "model_call": "one call of a model",
    "tool_call": "one call of a tool",
}


def metrics(user: AsAuditor = None, json: Json = False) -> None:
    """Show how the operation does, from the audit log alone.

    Time, touch-points, failures, cost and autonomy.
    """

    async def work(opened: Session) -> int:
        import asyncio
        import time

        from cli.audit import read_verdict
        from governance.metrics import measure

        tenant, log = opened.user.tenant, opened.plane.audit
        begun = time.perf_counter()
        found = await asyncio.to_thread(lambda: measure(log.entries(tenant=tenant)))
        verdict = await asyncio.to_thread(read_verdict)
        found["audit_preparation_seconds"] = round(time.perf_counter() - begun, 3)
        found["log_is_whole"] = verdict.whole
        if json:
            dump(found)
        else:
            for name, label in LABELS.items():
                say(f"{label:<58} {_shown(found[name])}")
            by_load = found["latency_under_load"]
            say(
                "",
                "Seconds that half / 95 % of them took at most, by how many runs of the tenant were at work",
            )
            say("at its beginning (a run that waits for a person isn't at work):")
            say(f"  {'runs at work':<36}" + "".join(f"{load:>15}" for load in by_load))
            for what, label in TOOK.items():
                times = [took.get(what, {"p50": 0, "p95": 0}) for took in by_load.values()]
                shown = [f"{each['p50']:,.2f} / {each['p95']:,.2f}" for each in times]
                say(f"  {label:<36}" + "".join(f"{each:>15}" for each in shown))
            say("" if verdict.whole else styled(("Not to be relied on: ", "bold red"), verdict.message))
        return Exit.COMPLETED if verdict.whole else Exit.FAILED

    within(work, user, AUDIT, needs="read_audit")


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {count:,}" for name, count in value.items() if count is not None) or "-"
    return "-" if value is None else f"{value:,}"
