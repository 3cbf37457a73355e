"""Sample: some of the runs that completed are put to the judge, whose word is kept beside the evaluations."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager

from evals.judge import Judgement
from evals.rows import DATABASE, home
from governance.control import ControlPlane
from governance.effects import Recorded
from governance.journal import State
from governance.runs import Record

Ask = Callable[[str, str, Sequence[Mapping[str, str]], str], Awaitable[Judgement]]
"""Question, answer, sources and tenant → what the judge makes of it."""

_TABLE = """
CREATE TABLE IF NOT EXISTS judged (
    run TEXT NOT NULL, judge TEXT NOT NULL, time TEXT NOT NULL, faithfulness REAL NOT NULL,
    relevance REAL NOT NULL, PRIMARY KEY (run, judge));
"""


def drawn(runs: Mapping[str, str], since: str, share: float) -> list[str]:
    """The runs of the sample, oldest first; whether one belongs to it depends on its id alone.

    Args:
        runs: Run → when it ended.
    """
    most = share * 16**12
    return [
        run
        for run, ended in sorted(runs.items(), key=lambda each: each[1])
        if ended >= since and int(hashlib.sha256(run.encode()).hexdigest()[:12], 16) < most
    ]


def labels(judge: str) -> dict[str, float]:
    """Run → 1 where this judge found the answer faithful and relevant, 0 where it didn't."""
    with _database() as found:
        rows = found.execute("SELECT run, min(faithfulness, relevance) FROM judged WHERE judge = ?", (judge,))
        return dict(rows.fetchall())


async def put(plane: ControlPlane, runs: Sequence[str], judge: str, ask: Ask) -> int:
    """Have the judge label those that it hasn't yet and that have an answer; each label is kept at once.

    Args:
        judge: Its name: model, and versions of the rubrics.

    Returns:
        How many it labelled.

    Raises:
        Unjudged: It is away.
    """
    known, done = labels(judge), 0
    for run in runs:
        record = await plane.record(run)
        answer = str((record.outcome or {}).get("answer", ""))
        if run in known or not answer:
            continue
        sources = list(_sources(record, await plane.effects(run)))
        said = await ask(_question(record), answer, sources, record.run.user.tenant)
        grades = (float(grade == "pass") for grade in (said.faithfulness, said.relevance))
        row = (run, judge, plane.clock().isoformat(timespec="seconds"), *grades)
        with _database() as found:
            found.execute("INSERT OR IGNORE INTO judged VALUES (?, ?, ?, ?, ?)", row)
        done += 1
    return done


def _question(record: Record) -> str:
    asked = record.input.get("messages", ()) if isinstance(record.input, Mapping) else ()
    return "\n\n".join(str(each["content"]) for each in asked if isinstance(each, Mapping))


def _sources(record: Record, effects: Sequence[Recorded]) -> Iterator[Mapping[str, str]]:
    """What the run cited, and what its tools returned; personal values are tokens in both."""
    for each in (record.outcome or {}).get("evidence", ()):
        yield {"source": each["source"], "text": each["quote"]}
    for effect in effects:
        if effect.state == State.DONE:
            text = json.dumps(effect.result, ensure_ascii=False)
            yield {"source": f"{effect.action}, amounts in cents", "text": text}


@contextmanager
def _database() -> Iterator[sqlite3.Connection]:
    home().mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(home() / DATABASE, timeout=30)) as connection, connection:
        connection.execute(_TABLE)
        yield connection
