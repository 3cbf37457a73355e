"""Feedback: what an evaluation found out about patterns goes into the front door's records."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing

from evals.rows import DATABASE, Experiment, Row, home
from evals.standing import GOAL, NO_PATTERN, pattern_of
from evals.suites import bench
from evals.traces import kept
from governance.choices import Trial, record
from governance.contract import Contract
from governance.plane_parts import Parts
from governance.principals import Run, User
from nodes.choose import CHOSEN


async def feed(plane: Parts, user: User, experiments: Iterable[Experiment]) -> int:
    """Record how patterns did, judged by the database's end state instead of by the run itself.

    A row is recorded once, however often it is fed. One whose class of task no kept run tells is left out,
    and so is what is held out: a front door that has learnt from a case can't be tested on it.

    Args:
        user: Who answers for it; the records are for their tenant.

    Returns:
        How many rows there were.
    """
    count = 0
    for experiment in experiments:
        rows = by_models(experiment.rows)
        jobs = jobs_of(rows)
        for row in rows:
            fits = row.split == "dev" and GOAL in row.scores and pattern_of(row) not in NO_PATTERN
            if fits and row.case in jobs and row.run:
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


def by_models(rows: Iterable[Row]) -> list[Row]:
    """Rows of the output layer, without those in which a script answers: they say nothing of a pattern."""
    scripted = _scripted()
    return [row for row in rows if row.layer == "output" and row.suite not in scripted]


def jobs_of(rows: Sequence[Row]) -> dict[str, str]:
    """Case → class of task, as the front door named it when it chose, whatever became of the run.

    Where these rows' runs don't say it, as after `--graph`, the newest run that is kept does.
    """
    traces, wanted = kept(), {row.case for row in rows}
    found: dict[str, str] = {}
    for case, run in (*((row.case, row.run) for row in rows), *_runs_before(_scripted())):
        if case in wanted and case not in found and run in traces:
            lines = traces[run].read_text(encoding="utf-8").splitlines()
            for entry in (json.loads(line) for line in lines if CHOSEN in line):
                if entry["kind"] == CHOSEN:
                    found[case] = str(entry["body"]["job"])
    return found


def _runs_before(without: Collection[str]) -> Iterator[tuple[str, str]]:
    """Case and run of every row of the output layer that is kept, the newest first."""
    if (home() / DATABASE).is_file():
        with closing(sqlite3.connect(home() / DATABASE)) as connection:
            query = """SELECT suite, "case", run FROM rows JOIN experiments ON id = experiment
                WHERE layer = 'output' ORDER BY created DESC"""
            yield from ((case, run) for suite, case, run in connection.execute(query) if suite not in without)


def _scripted() -> set[str]:
    return {suite.name for suite in bench().suites if suite.labelled}


def _trial(row: Row, job: str) -> Trial:
    status = str(row.got.get("status", ""))
    quality, millis = round(100 * row.scores[GOAL]), round(1000 * row.seconds)
    return Trial(job, pattern_of(row), status, quality, 0, row.tokens, row.micros, millis)
