"""Sinks: where results go besides the record, and that nothing goes anywhere without being configured."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager

from evals.rows import Experiment, Row
from governance.acts import Json
from governance.errors import InvalidInput, TowerError

LANGSMITH_KEY = "LANGSMITH_API_KEY"
COLLECTOR = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")

Inputs = Mapping[tuple[str, str], Json]
"""(suite, case) → what the case asks."""


class SinkFailed(TowerError):
    """Results didn't arrive, or not as they were sent; the record in TOWER_HOME/evals is whole."""


def configured() -> list[str]:
    """Names of the sinks that the environment configures."""
    found = ["langsmith"] if os.environ.get(LANGSMITH_KEY) else []
    switched_off = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    if any(map(os.environ.get, COLLECTOR)) and not switched_off:
        found.append("opentelemetry")
    return found


def send(
    experiment: Experiment,
    *,
    inputs: Inputs | None = None,
    review: Collection[Row] = (),
    required: bool = False,
) -> list[str]:
    """Send an experiment to every sink that is configured; to none, and nothing is sent.

    Args:
        inputs: What cases ask, so that people see it beside the labels.
        review: Rows that a person should look at.
        required: Someone asked for it, so a missing configuration is an error.

    Returns:
        One line for each sink, about what it has now.

    Raises:
        SinkFailed: A sink didn't take the results, or reads them back otherwise.
        InvalidInput: `required`, and no sink is configured.
    """
    names = configured()
    if required and not names:
        msg = f"there is nowhere to upload to; set {LANGSMITH_KEY}, or {COLLECTOR[0]} for a collector"
        raise InvalidInput(msg)
    said = []
    if "langsmith" in names:
        from evals.langsmith_sink import upload  # noqa: PLC0415 - the SDK takes a second that others needn't pay

        said += upload(experiment, inputs=inputs or {}, review=review)
    if "opentelemetry" in names:
        from evals.otel_sink import export  # noqa: PLC0415 - an extra

        said.append(export(experiment))
    return said


@contextmanager
def untraced() -> Iterator[None]:
    """Run cases without a trace of each: rows say it all, and an experiment names its runs."""
    from langsmith.run_helpers import tracing_context  # noqa: PLC0415 - as above

    with tracing_context(enabled=False):
        yield
