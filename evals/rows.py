"""Rows: what became of each case of an evaluation, and everything that it depends on, kept for good."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter

from evals.tables import record
from governance.acts import Json
from governance.errors import InvalidInput
from governance.settings import Settings

ROWS, META, DATABASE = "rows.jsonl", "meta.json", "evals.db"


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

    Raises:
        InvalidInput: It has no rows, so that it would be the newest and say nothing.
    """
    if not experiment.rows:
        msg = f"nothing of {', '.join(experiment.datasets)} was evaluated, so nothing is kept"
        raise InvalidInput(msg)
    folder = folder or home() / experiment.id
    folder.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(asdict(row), ensure_ascii=False, sort_keys=True) for row in experiment.rows]
    _put(folder / ROWS, "".join(f"{line}\n" for line in lines))
    meta = json.dumps(asdict(replace(experiment, rows=())), ensure_ascii=False, sort_keys=True, indent=1)
    _put(folder / META, meta)
    record(experiment, meta, lines, folder.parent / DATABASE)
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
        with (folder / ROWS).open(encoding="utf-8") as lines:
            rows = TypeAdapter(tuple[Row, ...]).validate_python([json.loads(line) for line in lines])
        return replace(_about(folder), rows=rows)
    except (OSError, ValueError) as error:
        msg = f"{folder} holds no experiment that can be read: {error}; run `tower eval run`"
        raise InvalidInput(msg) from error


def latest(wanted: Mapping[str, Collection[str]] | None = None) -> Experiment:
    """Read the newest experiment.

    Args:
        wanted: Suite → ids of the cases that it must all have, started with their own graphs.

    Raises:
        InvalidInput: There is none.
    """
    kept = _kept()
    if not kept:
        msg = f"there is no experiment in {home()}; run `tower eval run`"
        raise InvalidInput(msg)
    newest = [*kept][-1]
    if wanted is None:
        return read(home() / newest)
    for name, about in reversed(kept.items()):
        if wanted.keys() <= about.datasets.keys():
            found = read(home() / name)
            if is_whole(found, wanted):
                return found
    msg = (
        f"no experiment has every case of {', '.join(sorted(wanted))}, with their own graphs; "
        f"run `tower eval run`, or name one (the newest is {newest})"
    )
    raise InvalidInput(msg)


def is_whole(experiment: Experiment, wanted: Mapping[str, Collection[str]]) -> bool:
    """Whether an experiment has all of these cases (suite → ids), started with their own graphs."""
    has = {(row.suite, row.case) for row in experiment.rows}
    return "graph" not in experiment.versions and has.issuperset(
        (suite, case) for suite, cases in wanted.items() for case in cases
    )


def ids() -> list[str]:
    """Ids of all experiments that are kept, oldest first."""
    return list(_kept())


def _kept() -> dict[str, Experiment]:
    """All experiments without their rows, oldest first."""
    found = {path.parent.name: _about(path.parent) for path in home().glob(f"*/{META}")}
    return dict(sorted(found.items(), key=lambda each: (each[1].created, each[0])))


def _about(folder: Path) -> Experiment:
    """An experiment without its rows."""
    try:
        return TypeAdapter(Experiment).validate_json((folder / META).read_text("utf-8"))
    except ValueError as error:
        msg = f"{folder / META} is broken: {error}; restore it, or delete its folder"
        raise InvalidInput(msg) from error


def _put(path: Path, text: str) -> None:
    """Write a file so that it is there whole or not at all."""
    draft = path.with_suffix(".draft")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


def aggregate(rows: Iterable[Row], metric: str) -> tuple[float, int]:
    """Mean of a metric over the rows that have it, and how many cases they are; (0.0, 0) if none has."""
    having = [row for row in rows if metric in row.scores]
    mean = sum(row.scores[metric] for row in having) / len(having) if having else 0.0
    return mean, count(having)


def count(rows: Iterable[Row]) -> int:
    """How many cases these rows are: repetitions of one are no more cases."""
    return len({(row.suite, row.case) for row in rows})


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
