"""Read back what LangSmith has of an experiment, and name every difference from what was sent."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from textwrap import shorten

from langsmith import Client

from evals.rows import Row
from evals.sinks import SinkFailed
from governance.acts import Json

SAMPLE = 40
"""So many runs' scores are compared one by one; of all others only their number."""

CHUNK = 20
"""Runs per question, so that the address stays short."""

TOLERANCE = 1e-4
"""The SDK rounds scores to four decimals."""

SHOWN = 5
PAUSE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Sent:
    """One suite of an experiment, by the ids that LangSmith knows it under.

    Attributes:
        examples: Id → inputs.
        runs: Id → row.
    """

    name: str
    dataset: uuid.UUID
    project: uuid.UUID
    started: datetime
    examples: Mapping[uuid.UUID, dict[str, Json]]
    runs: Mapping[uuid.UUID, Row]


def check(client: Client, sent: Sent, patience: timedelta, errors: Sequence[Exception]) -> None:
    """Wait until LangSmith has what was sent.

    Raises:
        SinkFailed: It still has something else when the patience is over.
    """
    deadline = time.monotonic() + patience.total_seconds()
    while found := differences(client, sent):
        if time.monotonic() >= deadline:
            causes = [f"the SDK said: {shorten(str(errors[0]), 300)}"] if errors else []
            shown = "; ".join([*found[:SHOWN], *causes])
            msg = f"LangSmith doesn't have {sent.name} as it was sent: {shown}; upload again"
            raise SinkFailed(msg)
        time.sleep(min(PAUSE_SECONDS, patience.total_seconds()))


def differences(client: Client, sent: Sent) -> list[str]:
    """Say what LangSmith has otherwise; an empty list is good."""
    return [*_examples(client, sent), *_counts(client, sent), *_scores(client, sent)]


def queued(client: Client, queue: uuid.UUID) -> set[uuid.UUID]:
    """Runs that are in an annotation queue."""
    return {run.id for run in client.list_runs_from_annotation_queue(queue)}


def _examples(client: Client, sent: Sent) -> Iterator[str]:
    known = {example.id: example for example in client.list_examples(dataset_id=sent.dataset)}
    for id_, inputs in sent.examples.items():
        if id_ not in known:
            yield f"example {inputs['case']} is missing"
        elif known[id_].inputs != inputs:
            yield f"example {inputs['case']} has other inputs"


def _counts(client: Client, sent: Sent) -> Iterator[str]:
    project = client.read_project(project_id=str(sent.project), include_stats=True)
    if project.reference_dataset_id != sent.dataset:
        yield f"the experiment belongs to dataset {project.reference_dataset_id}"
    if project.run_count != len(sent.runs):
        yield f"{project.run_count or 0} runs instead of {len(sent.runs)}"
    wanted = Counter(metric for row in sent.runs.values() for metric in row.scores)
    stats = project.feedback_stats or {}
    for metric, number in wanted.items():
        has = (stats.get(metric) or {}).get("n", 0)
        if has != number:
            yield f"{has} scores of {metric} instead of {number}"


def _scores(client: Client, sent: Sent) -> Iterator[str]:
    step = max(1, len(sent.runs) // SAMPLE)
    ids = list(sent.runs)[::step][:SAMPLE]
    for start in range(0, len(ids), CHUNK):
        chunk = ids[start : start + CHUNK]
        found = {(one.run_id, one.key): one.score for one in client.list_feedback(run_ids=chunk)}
        for id_ in chunk:
            row = sent.runs[id_]
            for metric, score in row.scores.items():
                has = found.get((id_, metric))
                if not isinstance(has, int | float) or abs(has - score) > TOLERANCE:
                    yield f"{metric} of {row.case} is {has} instead of {score}"
