"""Baselines: the results, case by case, that a release is compared with, kept as versioned files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config

from evals.rows import Experiment, Row, by_suite
from governance.errors import InvalidInput

INDEX = "index.json"
_DIGITS = 6
_VOLATILE = ("seconds", "_ms", "latency")


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True, slots=True)
class Source:
    """Where a suite's baseline comes from.

    Attributes:
        sha256: Of the baseline's file.
        dataset: SHA-256 of the cases that it was measured on.
        by: Who accepted it.
        why: Their reason.
    """

    experiment: str
    created: str
    git_sha: str
    model: str
    policy: str
    dataset: str
    sha256: str
    by: str
    why: str


@dataclass(frozen=True, slots=True)
class Baseline:
    """What a release is compared with; rows hold scores and no content."""

    sources: Mapping[str, Source]
    rows: tuple[Row, ...] = ()


def read_baseline(folder: Path) -> Baseline:
    """Read all baselines of a folder; empty if there is none yet.

    Raises:
        InvalidInput: A file is missing, broken, or isn't the one that the index names.
    """
    if not (folder / INDEX).is_file():
        return Baseline({})
    try:
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        sources = TypeAdapter(dict[str, Source]).validate_python(index)
        rows = [row for suite, source in sources.items() for row in _read(folder, suite, source)]
    except (OSError, ValueError, ValidationError) as error:
        msg = f"the baselines in {folder} can't be used: {error}; restore them from git"
        raise InvalidInput(msg) from error
    return Baseline(sources, tuple(rows))


def accept(
    experiment: Experiment, folder: Path, *, by: str, why: str, suites: Iterable[str] = ()
) -> list[str]:
    """Make an experiment's results the baseline; what becomes of the files is up to review.

    Args:
        suites: Only these; all that it has unless given.

    Returns:
        The suites that were written.

    Raises:
        InvalidInput: There is no reason.
    """
    if not why.strip():
        msg = "say why these results are the baseline from now on: --accept REASON"
        raise InvalidInput(msg)
    wanted = set(suites)
    found = by_suite(row for row in experiment.rows if not wanted or row.suite in wanted)
    sources = dict(read_baseline(folder).sources)
    folder.mkdir(parents=True, exist_ok=True)
    e = experiment
    for suite, rows in found.items():
        ordered = sorted(rows, key=lambda row: (row.case, row.repetition))
        text = "".join(f"{json.dumps(_kept(row), sort_keys=True)}\n" for row in ordered)
        (folder / f"{suite}.jsonl").write_text(text, encoding="utf-8")
        digest = hashlib.sha256(text.encode()).hexdigest()
        dataset = e.datasets.get(suite, "")
        sources[suite] = Source(e.id, e.created, e.git_sha, e.model, e.policy, dataset, digest, by, why)
    listed = {suite: asdict(source) for suite, source in sorted(sources.items())}
    (folder / INDEX).write_text(json.dumps(listed, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return sorted(found)


def _kept(row: Row) -> dict[str, object]:
    scores = {
        name: round(value, _DIGITS)
        for name, value in row.scores.items()
        if not any(word in name for word in _VOLATILE)
    }
    kept = {"case": row.case, "layer": row.layer, "split": row.split, "repetition": row.repetition}
    return kept | {"scores": scores} | ({"error": row.error} if row.error else {})


def _read(folder: Path, suite: str, source: Source) -> list[Row]:
    text = (folder / f"{suite}.jsonl").read_text(encoding="utf-8")
    if hashlib.sha256(text.encode()).hexdigest() != source.sha256:
        msg = f"{suite}.jsonl isn't the file that {INDEX} names"
        raise ValueError(msg)
    return [Row(**json.loads(line), suite=suite, expected={}, got={}) for line in text.splitlines()]
