"""Feedback: what an evaluation found out about patterns goes into the front door's records."""

from __future__ import annotations

from collections.abc import Iterable

from evals.rows import Experiment, Row
from evals.standing import GOAL, pattern_of
from evals.traces import kept, trace
from governance.choices import Trial, record
from governance.contract import Contract
from governance.plane_parts import Parts
from governance.principals import Run, User

JUDGED = "pattern_judged"


async def feed(plane: Parts, user: User, experiments: Iterable[Experiment]) -> int:
    """Record how patterns did, judged by the database's end state instead of by the run itself.

    A row is recorded once, however often it is fed.

    Args:
        user: Who answers for it; the records are for their tenant.

    Returns:
        How many rows there were.
    """
    count = 0
    for experiment in experiments:
        jobs = jobs_of(experiment.rows)
        for row in experiment.rows:
            if row.case in jobs and GOAL in row.scores and row.run and pattern_of(row) != "none":
                run = Run(
                    id=row.run,
                    thread_id="",
                    graph=pattern_of(row),
                    user=user,
                    subject=None,
                    verified="no",
                    policy_version=experiment.policy,
                    contract=Contract(),
                )
                await record(plane, run, f"evaluation/{row.case}", _trial(row, jobs[row.case]))
                count += 1
    return count


def jobs_of(rows: Iterable[Row]) -> dict[str, str]:
    """Case → class of task, as the front door named it by what the log says of the case's run."""
    traces = kept()
    found = {}
    for row in rows:
        if row.layer == "output" and row.run in traces:
            for entry in trace(traces[row.run]):
                if entry["kind"] == JUDGED:
                    found[row.case] = str(entry["body"]["job"])
    return found


def _trial(row: Row, job: str) -> Trial:
    status = str(row.got.get("status", ""))
    quality, millis = round(100 * row.scores[GOAL]), round(1000 * row.seconds)
    return Trial(job, pattern_of(row), status, quality, 0, row.tokens, row.micros, millis)
