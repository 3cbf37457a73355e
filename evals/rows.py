"""Rows: what became of each case of an evaluation, and everything that it depends on, kept for good."""

from __future__ import annotations

import json
import math
import sqlite3
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from governance.acts import Json
from governance.errors import InvalidInput
from governance.settings import Settings

ROWS, META, DATABASE = "rows.jsonl", "meta.json", "evals.db"

_TABLES = """
CREATE TABLE IF NOT EXISTS experiments (
    id TEXT PRIMARY KEY, created TEXT NOT NULL, git_sha TEXT NOT NULL, model TEXT NOT NULL,
    policy TEXT NOT NULL, meta TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS rows (
    experiment TEXT NOT NULL, suite TEXT NOT NULL, layer TEXT NOT NULL, "case" TEXT NOT NULL,
    split TEXT NOT NULL, repetition INTEGER NOT NULL, run TEXT NOT NULL, seconds REAL NOT NULL,
    tokens INTEGER NOT NULL, micros INTEGER NOT NULL, error TEXT NOT NULL, row TEXT NOT NULL,
    PRIMARY KEY (experiment, suite, "case", repetition));
CREATE TABLE IF NOT EXISTS scores (
    experiment TEXT NOT NULL, suite TEXT NOT NULL, "case" TEXT NOT NULL, repetition INTEGER NOT NULL,
    metric TEXT NOT NULL, value REAL NOT NULL,
    PRIMARY KEY (experiment, suite, "case", repetition, metric));
"""


@dataclass(frozen=True, slots=True)
class Row:
    """What became of one case, once.

    Attributes:
        suite: `routing`, `tools`, `retrieval`, `cases`, `roles-worker` and so on.
        layer: `model`, `component` or `output`.
        case: The case's stable id.
        split: `dev` or `held_out`.
        repetition: From 0.
        scores: By metric (`…_ref` or `…_judge` where it applies): 0 to 1, or seconds or micros for
            those that say so.
        tags: `hard`, `policy_critical`, `adversarial`, names of intents and the like.
        run: The run's id in the audit log, if there was one.
        tokens, micros: Spent, in tokens and in millionths of the currency.
        error: Why nothing could be judged; such a row scores 0.
    """

    suite: str
    layer: str
    case: str
    split: str
    repetition: int
    scores: Mapping[str, float]
    expected: Json
    got: Json
    tags: tuple[str, ...] = ()
    run: str = ""
    seconds: float = 0.0
    tokens: int = 0
    micros: int = 0
    error: str = ""

    def __post_init__(self) -> None:
        """A score that is no number says nothing, wherever it is read: the row is one with an error."""
        if broken := sorted(name for name, score in self.scores.items() if not math.isfinite(score)):
            kept = {name: score for name, score in self.scores.items() if name not in broken}
            object.__setattr__(self, "scores", kept)
            object.__setattr__(self, "error", self.error or f"{', '.join(broken)} is no finite number")


@dataclass(frozen=True, slots=True)
class Experiment:
    """One evaluation: its rows and everything that they depend on.

    Attributes:
        created: ISO 8601, UTC.
        datasets: Suite → SHA-256 of the file that its cases come from.
        policy: Version of the policy set.
        versions: `agents`, `prompts`, `tools`, `code` → hash; `graph`, if cases were started with another.
    """

    id: str
    created: str
    git_sha: str
    datasets: Mapping[str, str]
    policy: str
    model: str
    versions: Mapping[str, str]
    rows: tuple[Row, ...]


def home() -> Path:
    """Where results are kept: `TOWER_HOME/evals`."""
    return Settings.from_env().home / "evals"


def write(experiment: Experiment, folder: Path | None = None) -> Path:
    """Keep an experiment: `rows.jsonl` and `meta.json` in `folder`, and in the database beside it.

    Args:
        folder: The experiment's own (default `TOWER_HOME/evals/<id>`).

    Returns:
        The folder.
    """
    folder = folder or home() / experiment.id
    folder.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(asdict(row), ensure_ascii=False, sort_keys=True) for row in experiment.rows]
    (folder / ROWS).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    meta = json.dumps(asdict(replace(experiment, rows=())), ensure_ascii=False, sort_keys=True, indent=1)
    (folder / META).write_text(meta, encoding="utf-8")
    _record(experiment, meta, lines, folder.parent / DATABASE)
    return folder


def read(where: Path | str) -> Experiment:
    """Read an experiment back.

    Args:
        where: Its folder, or its id (or the start of one that no other has).

    Raises:
        InvalidInput: There is none there, several fit, or the files are broken.
    """
    folder = where if isinstance(where, Path) else _folder(where)
    try:
        meta = json.loads((folder / META).read_text(encoding="utf-8"))
        with (folder / ROWS).open(encoding="utf-8") as lines:
            meta["rows"] = [json.loads(line) for line in lines]
        return TypeAdapter(Experiment).validate_python(meta)
    except (OSError, ValueError, ValidationError) as error:
        msg = f"{folder} holds no experiment that can be read: {error}; run `tower eval run`"
        raise InvalidInput(msg) from error


def latest(suites: Collection[str] = ()) -> Experiment:
    """Read the newest experiment that has all of these suites, or else the newest of all.

    Raises:
        InvalidInput: There is none.
    """
    kept = _kept()
    if not kept:
        msg = f"there is no experiment in {home()}; run `tower eval run`"
        raise InvalidInput(msg)
    fitting = [name for name, meta in kept.items() if set(suites) <= set(meta["datasets"])]
    return read(home() / [*kept, *fitting][-1])


def ids() -> list[str]:
    """Ids of all experiments that are kept, oldest first."""
    return list(_kept())


def _kept() -> dict[str, dict[str, Any]]:
    found = {path.parent.name: json.loads(path.read_text("utf-8")) for path in home().glob(f"*/{META}")}
    return dict(sorted(found.items(), key=lambda each: (each[1]["created"], each[0])))


def aggregate(rows: Iterable[Row], metric: str) -> tuple[float, int]:
    """Mean of a metric over the rows that have it, and how many they are; (0.0, 0) if none has."""
    values = [row.scores[metric] for row in rows if metric in row.scores]
    return (sum(values) / len(values) if values else 0.0, len(values))


def by_suite(rows: Iterable[Row]) -> defaultdict[str, list[Row]]:
    """Rows by their suite, each in the order of the rows."""
    found = defaultdict[str, list[Row]](list)
    for row in rows:
        found[row.suite].append(row)
    return found


def _folder(name: str) -> Path:
    if (home() / name / META).is_file():
        return home() / name
    fitting = [known for known in ids() if known.startswith(name)]
    if len(fitting) != 1:
        problem = (
            f"several experiments start with {name!r}" if fitting else f"there is no experiment {name!r}"
        )
        msg = f"{problem} in {home()}; known: {', '.join(ids()) or 'none'}"
        raise InvalidInput(msg)
    return home() / fitting[0]


def _record(experiment: Experiment, meta: str, lines: list[str], database: Path) -> None:
    """Write the same to the SQLite database, for queries over all experiments."""
    e = experiment
    with closing(sqlite3.connect(database, timeout=30)) as connection, connection:
        connection.executescript(_TABLES)
        for table, column in (("experiments", "id"), ("rows", "experiment"), ("scores", "experiment")):
            connection.execute(f"DELETE FROM {table} WHERE {column} = ?", (e.id,))
        connection.execute(
            "INSERT INTO experiments VALUES (?, ?, ?, ?, ?, ?)",
            (e.id, e.created, e.git_sha, e.model, e.policy, meta),
        )
        connection.executemany(
            "INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [(e.id, *_columns(row), line) for row, line in zip(e.rows, lines, strict=True)],
        )
        connection.executemany(
            "INSERT INTO scores VALUES (?, ?, ?, ?, ?, ?)",
            [
                (e.id, r.suite, r.case, r.repetition, name, value)
                for r in e.rows
                for name, value in r.scores.items()
            ],
        )


def _columns(row: Row) -> tuple[str | int | float, ...]:
    place = (row.suite, row.layer, row.case, row.split, row.repetition)
    return (*place, row.run, row.seconds, row.tokens, row.micros, row.error)
