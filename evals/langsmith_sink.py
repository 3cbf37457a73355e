"""LangSmith: a dataset per suite, an experiment per evaluation, feedback per metric, all read back."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from textwrap import shorten
from typing import Any

from langsmith import Client
from langsmith.schemas import Dataset, TracerSession
from langsmith.utils import LangSmithConflictError, LangSmithError, LangSmithNotFoundError

from evals.langsmith_readback import Sent, check, differences, queued
from evals.plain import plain
from evals.rows import Experiment, Row, by_suite
from evals.sinks import Inputs, SinkFailed
from governance.acts import Json

DATASET = "tower-{suite}"
QUEUE = "tower-review"
SHOWN = 300
"""Characters of an error of the SDK; what follows are ids and parts of the key."""

RUBRIC = "Is `got` as good as `expected`? Your label counts where a metric and a judge disagree."
PATIENCE = timedelta(minutes=2)
"""LangSmith counts with a delay; so long it may take until what was sent is there."""


def upload(
    experiment: Experiment,
    *,
    inputs: Inputs,
    review: Collection[Row] = (),
    client: Client | None = None,
    patience: timedelta = PATIENCE,
) -> list[str]:
    """Send an experiment and compare what LangSmith has then with what was sent.

    Ids follow from suite, case and repetition, so a repeated upload completes the first and doubles
    nothing.

    Args:
        inputs: What each case asks.
        review: Rows for the annotation queue.
        client: Tests bring their own.

    Returns:
        One line per suite.

    Raises:
        SinkFailed: LangSmith refused, or has something else than what was sent.
    """
    errors: list[Exception] = []
    client = client or Client(
        tracing_mode="langsmith", tracing_sampling_rate=1.0, tracing_error_callback=errors.append
    )
    try:
        sent = [_suite(client, experiment, *suite, inputs) for suite in by_suite(experiment.rows).items()]
        for one in sent:
            check(client, one, patience, errors)
        _queue(client, sent, review)
    except LangSmithError as error:
        said = shorten(str(error), SHOWN)
        msg = f"LangSmith refused: {said}; check LANGSMITH_API_KEY and LANGSMITH_ENDPOINT, then upload again"
        raise SinkFailed(msg) from error
    finally:
        client.flush()
    return [f"langsmith: {one.name}, {len(one.runs)} runs, {len(one.examples)} examples" for one in sent]


def _suite(client: Client, experiment: Experiment, suite: str, rows: Sequence[Row], inputs: Inputs) -> Sent:
    dataset = _dataset(client, suite)
    examples = {_example_id(dataset.id, row): row for row in rows}
    asked = {id_: _example(row, inputs) for id_, row in examples.items()}
    _sync(client, dataset.id, examples, asked)
    project, is_new = _project(client, experiment, dataset.id, suite, rows)
    started = datetime.fromisoformat(experiment.created).astimezone(UTC)
    runs = {_run_id(project.id, started, row): row for row in rows}
    sent = Sent(project.name or suite, dataset.id, project.id, started, asked, runs)
    if is_new or differences(client, sent):
        _send(client, sent, experiment)
        client.update_project(project.id, end_time=datetime.now(UTC))
    return sent


def _dataset(client: Client, suite: str) -> Dataset:
    name = DATASET.format(suite=suite)
    try:
        dataset: Dataset = client.read_dataset(dataset_name=name)
    except LangSmithNotFoundError:
        dataset = client.create_dataset(name, description=f"Cases of Tower's suite {suite}.")
    return dataset


def _sync(
    client: Client,
    dataset: uuid.UUID,
    rows: Mapping[uuid.UUID, Row],
    asked: Mapping[uuid.UUID, dict[str, Json]],
) -> None:
    """Create examples that LangSmith lacks and correct those whose label or input changed."""
    known = {example.id: example for example in client.list_examples(dataset_id=dataset)}
    new: list[dict[str, Any]] = []
    changed: list[dict[str, Any]] = []
    for id_, row in rows.items():
        labels = {"expected": plain(row.expected)}
        common = {"id": id_, "inputs": asked[id_], "split": row.split, "metadata": {"case": row.case}}
        if id_ not in known:
            new.append({**common, "reference_outputs": labels})
        elif (known[id_].inputs, known[id_].outputs) != (asked[id_], labels):
            changed.append({**common, "outputs": labels})
    if new:
        client.create_examples(dataset_id=dataset, examples=new)
    if changed:
        client.update_examples(dataset_id=dataset, updates=changed)


def _project(
    client: Client, experiment: Experiment, dataset: uuid.UUID, suite: str, rows: Sequence[Row]
) -> tuple[TracerSession, bool]:
    """The experiment's project, and whether it is new."""
    name = f"{suite}-{experiment.id}"
    try:
        project = client.create_project(
            name,
            reference_dataset_id=dataset,
            metadata=_metadata(experiment, suite, rows[0].layer),
            num_examples=len({row.case for row in rows}),
            num_repetitions=1 + max(row.repetition for row in rows),
            evaluator_keys=sorted({metric for row in rows for metric in row.scores}),
        )
    except LangSmithConflictError:
        return client.read_project(project_name=name), False
    return project, True


def _metadata(experiment: Experiment, suite: str, layer: str) -> dict[str, Json]:
    """What the results depend on; the same as in the record."""
    return {
        "experiment": experiment.id,
        "suite": suite,
        "layer": layer,
        "git_sha": experiment.git_sha,
        "dataset_sha256": experiment.datasets.get(suite, ""),
        "policy": experiment.policy,
        "model": experiment.model,
        **{f"version_{name}": version for name, version in experiment.versions.items()},
    }


def _send(client: Client, sent: Sent, experiment: Experiment) -> None:
    for id_, row in sent.runs.items():
        example = _example_id(sent.dataset, row)
        client.create_run(
            row.case,
            sent.examples[example],
            "chain",
            project_name=sent.name,
            id=id_,
            trace_id=id_,
            dotted_order=f"{sent.started:%Y%m%dT%H%M%S%fZ}{id_}",
            start_time=sent.started,
            end_time=sent.started + timedelta(seconds=row.seconds),
            outputs={"got": plain(row.got)},
            error=row.error or None,
            reference_example_id=example,
            tags=list(row.tags),
            extra={"metadata": _run_metadata(row, experiment)},
        )
    client.flush()  # feedback on a run that isn't there yet would be refused
    for id_, row in sent.runs.items():
        for metric, score in row.scores.items():
            client.create_feedback(
                key=metric,
                score=float(score),
                trace_id=id_,
                session_id=sent.project,
                start_time=sent.started,
                feedback_id=uuid.uuid5(id_, metric),
            )
    client.flush()


def _run_metadata(row: Row, experiment: Experiment) -> dict[str, Json]:
    return {
        "split": row.split,
        "repetition": row.repetition,
        "tower_run": row.run,
        "tokens": row.tokens,
        "micros": row.micros,
        "ls_model_name": experiment.model,
    }


def _queue(client: Client, sent: Sequence[Sent], review: Collection[Row]) -> None:
    """Put rows that a person should look at into the annotation queue, once each."""
    keys = {(row.suite, row.case, row.repetition) for row in review}
    chosen = [
        (id_, one)
        for one in sent
        for id_, row in one.runs.items()
        if (row.suite, row.case, row.repetition) in keys
    ]
    if not chosen:
        return
    queue = next(client.list_annotation_queues(name=QUEUE), None) or client.create_annotation_queue(
        name=QUEUE, description="Cases that Tower asks people about.", rubric_instructions=RUBRIC
    )
    there = queued(client, queue.id)
    missing = [(id_, one) for id_, one in chosen if id_ not in there]
    if missing:
        client.add_runs_to_annotation_queue(
            queue.id,
            runs=[
                {"run_id": id_, "session_id": one.project, "start_time": one.started} for id_, one in missing
            ],
        )
    if lost := {id_ for id_, _ in chosen} - queued(client, queue.id):
        msg = f"the annotation queue {QUEUE} lacks {len(lost)} of {len(chosen)} cases; upload again"
        raise SinkFailed(msg)


def _example(row: Row, inputs: Inputs) -> dict[str, Json]:
    asked = inputs.get((row.suite, row.case))
    return {"case": row.case} | ({} if asked is None else {"input": plain(asked)})


def _example_id(dataset: uuid.UUID, row: Row) -> uuid.UUID:
    """The same for a case in every experiment; within the dataset, since ids are unique across teams."""
    return uuid.uuid5(dataset, f"{row.suite}/{row.case}")


def _run_id(project: uuid.UUID, started: datetime, row: Row) -> uuid.UUID:
    """A UUID of version 7, as LangSmith sorts runs by, whose random part follows from the row."""
    digest = hashlib.sha256(f"{project}/{row.suite}/{row.case}/{row.repetition}".encode()).digest()
    raw = int(started.timestamp() * 1000).to_bytes(6, "big") + digest[:10]
    bits = int.from_bytes(raw, "big") & ~(0xF << 76) & ~(0x3 << 62) | (0x7 << 76) | (0x2 << 62)
    return uuid.UUID(int=bits)
