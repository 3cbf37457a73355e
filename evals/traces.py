"""Traces: what the audit log said about a case's run, kept after the case's own home is gone."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from evals.rows import home

FOLDER = "traces"


def keep(folder: Path, entries: Iterable[Mapping[str, Any]]) -> None:
    """Keep what an audit log says, one file a run.

    Args:
        folder: Anywhere below `TOWER_HOME/evals`; `kept` finds it there.
    """
    runs = defaultdict[str, list[str]](list)
    for entry in entries:
        if run := entry.get("run"):
            runs[run].append(json.dumps(entry, ensure_ascii=False) + "\n")
    (folder / FOLDER).mkdir(parents=True, exist_ok=True)
    for run, lines in runs.items():
        (folder / FOLDER / f"{run}.jsonl").write_text("".join(lines), encoding="utf-8")


def kept() -> dict[str, Path]:
    """Where the trace of each run is that was kept."""
    return {path.stem: path for path in home().rglob(f"{FOLDER}/*.jsonl")}


def trace(path: Path) -> list[dict[str, Any]]:
    """The entries of a run, oldest first."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
