"""LangSmith: a dataset per suite, an experiment per evaluation, feedback per metric, all read back."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from langsmith import Client
from langsmith.schemas import Dataset, TracerSession
from langsmith.utils import LangSmithConflictError, LangSmithNotFoundError, get_env_var

from evals.langsmith_client import LIMIT, connected
from evals.langsmith_queue import enqueue
from evals.langsmith_readback import Fields, Sent, as_sent, check, differences, otherwise
from evals.plain import plain
from evals.rows import Experiment, Row, by_suite
from evals.sinks import Inputs
from governance.acts import Json

DATASET = "tower-{suite}"
PATIENCE = timedelta(minutes=2)
"""LangSmith counts with a delay; so long it may take until what was sent is there."""


def upload(
    experiment: Experiment,
    *,
    inputs: Inputs,
    review: Collection[Row] = (),
    patience: timedelta = PATIENCE,
    limit: timedelta = LIMIT,
    where: Mapping[str, str] | None = None,
) -> list[str]:
    """Send an experiment and compare what LangSmith has then with what was sent.

    Ids follow from suite, case and repetition, so a repeated upload completes the first and doubles
    nothing.

    Args:
        inputs: What each case asks.
        review: Rows for the annotation queue.
        limit: For all of it, whatever LangSmith does.
        where: `api_url` and `api_key`, if they aren't those of the environment.

    Returns:
        One line per suite.

    Raises:
        SinkFailed: LangSmith refused, or has something else than what was sent.
    """
    with connected(limit, where) as (client, flush):
        sent = [
            _suite(client, flush, experiment, *suite, inputs) for suite in by_suite(experiment.rows).items()
        ]
        for one in sent:
            check(client, one, patience)
        enqueue(client, sent, review)
    return [f"langsmith: {one.name}, {len(one.runs)} runs, {len(one.examples)} examples" for one in sent]


def _suite(
    client: Client,
    flush: Callable[[], None],
    experiment: Experiment,
    suite: str,
    rows: Sequence[Row],
    inputs: Inputs,
) -> Sent:
    dataset = _dataset(client, suite)
    examples = {_example_id(dataset.id, row): _example(row, inputs) for row in rows}
    _sync(client, dataset.id, examples)
    about = _metadata(experiment, suite, rows[0].layer)
    project, is_new = _project(client, experiment, dataset.id, rows, about)
    started = datetime.fromisoformat(experiment.created).astimezone(UTC)
    runs = {}
    for row in rows:
        example = _example_id(dataset.id, row)
        asked = examples[example]["inputs"]
        runs[_run_id(project.id, started, row)] = row, _run(row, experiment.model, asked, example)
    sent = Sent(project.name or suite, dataset.id, project.id, started, about, examples, runs)
    if is_new or differences(client, sent):
        _send(client, flush, sent)
        client.update_project(project.id, metadata=about, end_time=datetime.now(UTC))
    return sent


def _dataset(client: Client, suite: str) -> Dataset:
    name = DATASET.format(suite=suite)
    try:
        dataset: Dataset = client.read_dataset(dataset_name=name)
    except LangSmithNotFoundError:
        dataset = client.create_dataset(name, description=f"Cases of Tower's suite {suite}.")
    return dataset


def _sync(client: Client, dataset: uuid.UUID, examples: Mapping[uuid.UUID, Fields]) -> None:
    """Create examples that LangSmith lacks and correct those that are others there."""
    known = {each.id: as_sent(each) for each in client.list_examples(dataset_id=dataset)}
    new: list[dict[str, Any]] = []
    changed: list[dict[str, Any]] = []
    for id_, example in examples.items():
        inputs, outputs = example["inputs"], example["outputs"]
        common = {
            "id": id_,
            "inputs": inputs,
            "split": example["split"],
            "metadata": {"case": example["case"]},
        }
        if id_ not in known:
            new.append({**common, "reference_outputs": outputs})
        elif any(otherwise("", known[id_], example)):
            changed.append({**common, "outputs": outputs})
    if new:
        client.create_examples(dataset_id=dataset, examples=new)
    if changed:
        client.update_examples(dataset_id=dataset, updates=changed)


def _project(
    client: Client, experiment: Experiment, dataset: uuid.UUID, rows: Sequence[Row], about: Fields
) -> tuple[TracerSession, bool]:
    """The experiment's project, and whether it is new."""
    name = f"{about['suite']}-{experiment.id}"
    try:
        project = client.create_project(
            name,
            reference_dataset_id=dataset,
            metadata=dict(about),
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


def _send(client: Client, flush: Callable[[], None], sent: Sent) -> None:
    for id_, (row, fields) in sent.runs.items():
        client.create_run(
            run_type="chain",
            project_name=sent.name,
            id=id_,
            trace_id=id_,
            dotted_order=f"{sent.started:%Y%m%dT%H%M%S%fZ}{id_}",
            start_time=sent.started,
            end_time=sent.started + timedelta(seconds=row.seconds),
            extra={"metadata": fields["metadata"]},
            **{name: value for name, value in fields.items() if name != "metadata"},
        )
    flush()  # feedback on a run that isn't there yet would be refused
    for id_, (row, _fields) in sent.runs.items():
        for metric, score in row.scores.items():
            client.create_feedback(
                key=metric,
                score=float(score),
                trace_id=id_,
                session_id=sent.project,
                start_time=sent.started,
                feedback_id=uuid.uuid5(id_, metric),
                stop_after_attempt=3,
            )
    flush()


def _run(row: Row, model: str, asked: Json, example: uuid.UUID) -> Fields:
    """What is sent of a row besides its scores; what is held back here, the SDK holds back too."""
    return {
        "name": row.case,
        "inputs": _unless_hidden("INPUTS", asked),
        "outputs": _unless_hidden("OUTPUTS", {"got": plain(row.got)}),
        "error": row.error or None,
        "reference_example_id": str(example),
        "tags": list(row.tags),
        "metadata": _unless_hidden(
            "METADATA",
            {
                "split": row.split,
                "repetition": row.repetition,
                "tower_run": row.run,
                "tokens": row.tokens,
                "micros": row.micros,
                "ls_model_name": model,
            },
        ),
    }


def _unless_hidden(what: str, value: Json) -> Json:
    return {} if get_env_var(f"HIDE_{what}") == "true" else value


def _example(row: Row, inputs: Inputs) -> Fields:
    asked = inputs.get((row.suite, row.case))
    return {
        "case": row.case,
        "split": [row.split],
        "inputs": {"case": row.case} | ({} if asked is None else {"input": plain(asked)}),
        "outputs": {"expected": plain(row.expected)},
    }


def _example_id(dataset: uuid.UUID, row: Row) -> uuid.UUID:
    """The same for a case in every experiment; within the dataset, since ids are unique across teams."""
    return uuid.uuid5(dataset, f"{row.suite}/{row.case}")


def _run_id(project: uuid.UUID, started: datetime, row: Row) -> uuid.UUID:
    """A UUID of version 7, as LangSmith sorts runs by, whose random part follows from the row."""
    digest = hashlib.sha256(f"{project}/{row.suite}/{row.case}/{row.repetition}".encode()).digest()
    raw = int(started.timestamp() * 1000).to_bytes(6, "big") + digest[:10]
    bits = int.from_bytes(raw, "big") & ~(0xF << 76) & ~(0x3 << 62) | (0x7 << 76) | (0x2 << 62)
    return uuid.UUID(int=bits)
