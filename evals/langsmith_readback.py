"""Read back what LangSmith has of an experiment, and name every difference from what was sent."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from textwrap import shorten
from typing import Any

from langsmith import Client
from langsmith.schemas import Example

from evals.rows import Row
from evals.sinks import SinkFailed

Fields = Mapping[str, Any]
"""What was sent of an example, a run or an experiment, as JSON has it."""

PAGE = 100
"""Runs per question, the most that are answered at once."""

TOLERANCE = 1e-4
"""The SDK rounds scores to four decimals."""

PARTS = ("metadata", "scores")
"""Fields of a run that are compared one by one."""

SHOWN = 5
SHOWN_OF_EACH = 60
PAUSE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Sent:
    """One suite of an experiment, by the ids that LangSmith knows it under.

    Attributes:
        about: The experiment's metadata.
        runs: Id → row, and what was sent of it besides its scores.
    """

    name: str
    dataset: uuid.UUID
    project: uuid.UUID
    started: datetime
    about: Fields
    examples: Mapping[uuid.UUID, Fields]
    runs: Mapping[uuid.UUID, tuple[Row, Fields]]


def check(client: Client, sent: Sent, patience: timedelta) -> None:
    """Wait until LangSmith has what was sent.

    Raises:
        SinkFailed: It still has something else when the patience is over.
    """
    deadline = time.monotonic() + patience.total_seconds()
    while found := differences(client, sent):
        if time.monotonic() >= deadline:
            more = [f"and {len(found) - SHOWN} more"] if len(found) > SHOWN else []
            shown = "; ".join([*found[:SHOWN], *more])
            msg = f"LangSmith doesn't have {sent.name} as it was sent: {shown}; upload again"
            raise SinkFailed(msg)
        time.sleep(min(PAUSE_SECONDS, patience.total_seconds()))


def differences(client: Client, sent: Sent) -> list[str]:
    """Say what LangSmith has otherwise; an empty list is good."""
    return [*_examples(client, sent), *_project(client, sent), *_runs(client, sent)]


def otherwise(what: str, has: Fields | None, wanted: Fields) -> Iterator[str]:
    """Say which fields are others than those that are wanted; further ones don't matter."""
    if has is None:
        yield f"{what} is missing"
        return
    for field, value in wanted.items():
        found = has.get(field)
        if field in PARTS:
            yield from otherwise(what, found, value)
        elif not _same(found, value):
            yield f"{field} of {what} is {_short(found)} instead of {_short(value)}"


def as_sent(example: Example) -> Fields:
    """An example as it has to be sent; LangSmith keeps its split among the metadata."""
    metadata = dict(example.metadata or {})
    split = metadata.get("dataset_split")
    return metadata | {"inputs": example.inputs, "outputs": example.outputs, "split": split}


def _examples(client: Client, sent: Sent) -> Iterator[str]:
    known = {example.id: as_sent(example) for example in client.list_examples(dataset_id=sent.dataset)}
    for id_, wanted in sent.examples.items():
        yield from otherwise(f"example {wanted['case']}", known.get(id_), wanted)


def _project(client: Client, sent: Sent) -> Iterator[str]:
    project = client.read_project(project_id=str(sent.project))
    if project.reference_dataset_id != sent.dataset:
        yield f"the experiment belongs to dataset {project.reference_dataset_id}"
    yield from otherwise("the experiment", project.metadata, sent.about)


def _runs(client: Client, sent: Sent) -> Iterator[str]:
    there = dict(_kept(client, sent))
    if surplus := len(there.keys() - sent.runs.keys()):
        yield f"{surplus} runs that weren't sent"
    for id_, (row, wanted) in sent.runs.items():
        yield from otherwise(row.case, there.get(id_), {**wanted, "scores": row.scores})


def _kept(client: Client, sent: Sent) -> Iterator[tuple[uuid.UUID, Fields]]:
    """The experiment's runs, each with its metadata and scores; `Client.list_runs` goes away in 2027."""
    select = ["id", "name", "inputs", "outputs", "error", "reference_example_id", "tags", "extra"]
    body = {"session": [str(sent.project)], "is_root": True, "select": [*select, "feedback_stats"]}
    body |= {"limit": PAGE, "start_time": (sent.started - timedelta(days=1)).isoformat()}
    while True:
        data = json.dumps(body)
        page = client.request_with_retries("POST", "/runs/query", request_kwargs={"data": data}).json()
        for run in page["runs"]:
            scores = {key: stats.get("avg") for key, stats in (run.get("feedback_stats") or {}).items()}
            metadata = (run.get("extra") or {}).get("metadata") or {}
            parts = {"metadata": metadata, "scores": scores, "error": run.get("error") or None}
            yield uuid.UUID(run["id"]), {**run, **parts}
        body["cursor"] = (page.get("cursors") or {}).get("next")
        if not body["cursor"]:
            return


def _same(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, float) and isinstance(found, int | float):
        return abs(found - wanted) <= TOLERANCE
    return bool(found == wanted)


def _short(value: Any) -> str:
    return shorten(str(value), SHOWN_OF_EACH)
