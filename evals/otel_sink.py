"""OpenTelemetry: an experiment as one trace, a span per row, for any collector that OTEL_* names."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from evals.rows import Experiment, Row
from evals.sinks import SinkFailed

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Tracer
    from opentelemetry.util.types import Attributes

BATCH = 512
"""Spans per request, as the specification's batch processor has it."""

AS_IS = ("suite", "layer", "case", "split", "repetition", "run", "tokens", "micros")
"""Of a row, what an attribute can hold as it is."""

RESULT = "gen_ai.evaluation.result"
"""The event of the semantic conventions for generative AI; one for each metric."""


def export(experiment: Experiment, exporter: SpanExporter | None = None) -> str:
    """Send an experiment to the collector.

    Address, headers, certificates, time-outs and the service's name are what the standard variables
    say: `OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_SERVICE_NAME` and so on.

    Args:
        exporter: OTLP over HTTP unless given.

    Returns:
        One line about what was sent.

    Raises:
        SinkFailed: The extra `otel` isn't installed, or the collector didn't take all of it.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import SpanExportResult  # noqa: PLC0415
    except ImportError as error:
        msg = f"OpenTelemetry isn't installed ({error}); install the extra `otel`"
        raise SinkFailed(msg) from error
    spans = _spans(experiment)
    exporter = exporter or OTLPSpanExporter()
    try:
        for start in range(0, len(spans), BATCH):
            if exporter.export(spans[start : start + BATCH]) is not SpanExportResult.SUCCESS:
                msg = "the collector didn't take the results; check OTEL_EXPORTER_OTLP_ENDPOINT and its log"
                raise SinkFailed(msg)
    finally:
        exporter.shutdown()
    return f"opentelemetry: {experiment.id}, {len(spans)} spans"


def _spans(experiment: Experiment) -> list[ReadableSpan]:
    """The whole trace, in memory, so that each batch's fate is known."""
    from opentelemetry import trace  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor  # noqa: PLC0415
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.trace.sampling import ALWAYS_ON  # noqa: PLC0415

    kept = InMemorySpanExporter()
    provider = TracerProvider(sampler=ALWAYS_ON, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    tracer = provider.get_tracer("tower.evals")
    started = _nanoseconds(datetime.fromisoformat(experiment.created).astimezone(UTC))
    whole = tracer.start_span(f"evaluation {experiment.id}", attributes=_of(experiment), start_time=started)
    with trace.use_span(whole):
        ended = [_row(tracer, row, started) for row in experiment.rows]
    whole.end(max(ended, default=started))
    return list(kept.get_finished_spans())


def _row(tracer: Tracer, row: Row, started: int) -> int:
    """Add a row's span; when it ended, in nanoseconds."""
    from opentelemetry.trace import Status, StatusCode  # noqa: PLC0415

    span = tracer.start_span(f"{row.suite} {row.case}", attributes=_attributes(row), start_time=started)
    ended = started + int(row.seconds * 1e9)
    for metric, score in row.scores.items():
        values: Attributes = {"gen_ai.evaluation.name": metric, "gen_ai.evaluation.score.value": float(score)}
        span.add_event(RESULT, values, timestamp=ended)
    if row.error:
        span.set_status(Status(StatusCode.ERROR, row.error))
    span.end(ended)
    return ended


def _attributes(row: Row) -> Mapping[str, str | int | list[str]]:
    return {
        **{f"tower.{name}": getattr(row, name) for name in AS_IS},
        "tower.tags": list(row.tags),
        "tower.expected": _json(row.expected),
        "tower.got": _json(row.got),
    }


def _of(experiment: Experiment) -> Mapping[str, str]:
    """What the results depend on."""
    named = {"tower.dataset.": experiment.datasets, "tower.version.": experiment.versions}
    return {
        "tower.experiment": experiment.id,
        "tower.git_sha": experiment.git_sha,
        "tower.policy": experiment.policy,
        "gen_ai.request.model": experiment.model,
        **{prefix + name: value for prefix, values in named.items() for name, value in values.items()},
    }


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)


def _nanoseconds(at: datetime) -> int:
    return int(at.timestamp() * 1e9)
