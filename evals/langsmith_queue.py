"""LangSmith's annotation queue: rows that a person should look at, each of them once."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence

from langsmith import Client

from evals.langsmith_readback import Sent
from evals.rows import Row
from evals.sinks import SinkFailed

QUEUE = "tower-review"
RUBRIC = "Is `got` as good as `expected`? Your label counts where a metric and a judge disagree."


def enqueue(client: Client, sent: Sequence[Sent], review: Collection[Row]) -> None:
    """Put rows that a person should look at into the annotation queue, once each."""
    keys = {(row.suite, row.case, row.repetition) for row in review}
    chosen = [
        (id_, one)
        for one in sent
        for id_, (row, _) in one.runs.items()
        if (row.suite, row.case, row.repetition) in keys
    ]
    if not chosen:
        return
    queue = next(client.list_annotation_queues(name=QUEUE), None) or client.create_annotation_queue(
        name=QUEUE, description="Cases that Tower asks people about.", rubric_instructions=RUBRIC
    )
    there = _queued(client, queue.id)
    missing = [(id_, one) for id_, one in chosen if id_ not in there]
    if missing:
        client.add_runs_to_annotation_queue(
            queue.id,
            runs=[
                {"run_id": id_, "session_id": one.project, "start_time": one.started} for id_, one in missing
            ],
        )
    if lost := {id_ for id_, _ in chosen} - _queued(client, queue.id):
        msg = f"the annotation queue {QUEUE} lacks {len(lost)} of {len(chosen)} cases; upload again"
        raise SinkFailed(msg)


def _queued(client: Client, queue: uuid.UUID) -> set[uuid.UUID]:
    return {run.id for run in client.list_runs_from_annotation_queue(queue)}
