"""An experiment reaches any collector that the standard variables name, whole or not at all."""

from __future__ import annotations

import pytest

from evals import otel_sink
from evals.sinks import SinkFailed, configured, send
from tests.evals.results import experiment


def test_rows_become_spans_and_scores_become_events(collector, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=secret")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "harbor-desk")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")  # thins out traffic, never results

    assert send(experiment()) == ["opentelemetry: e-1, 27 spans"]

    assert collector.headers[0]["path"] == "/v1/traces"
    assert collector.headers[0]["authorization"] == "secret"
    resource = collector.requests[0].resource_spans[0].resource
    assert {a.key: a.value.string_value for a in resource.attributes}["service.name"] == "harbor-desk"
    spans = {span.name: span for span in collector.spans()}
    assert len(collector.spans()) == 27
    whole, row = spans["evaluation e-1"], spans["routing R-0003"]
    assert row.parent_span_id == whole.span_id
    assert row.trace_id == whole.trace_id
    values = {a.key: a.value.string_value for a in whole.attributes}
    assert (values["tower.git_sha"], values["tower.dataset.routing"]) == ("abc123", "d1")
    scores = {
        event.attributes[0].value.string_value: event.attributes[1].value.double_value for event in row.events
    }
    assert {event.name for event in row.events} == {"gen_ai.evaluation.result"}
    assert scores == {"intent_correctness_ref": 0.0, "seconds": 1.5}
    assert row.end_time_unix_nano - row.start_time_unix_nano == 250_000_000
    assert spans["routing R-0004"].status.message == "no answer"


def test_large_experiments_are_sent_in_batches(collector, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", f"{collector.url}/v1/traces")

    send(experiment(cases=600))

    assert len(collector.requests) == 2
    assert len({span.span_id for span in collector.spans()}) == 603


def test_a_collector_that_refuses_fails(collector, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    collector.status = 400

    with pytest.raises(SinkFailed, match="OTEL_EXPORTER_OTLP_ENDPOINT"):
        send(experiment())


def test_switched_off_nothing_is_sent(collector, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")

    assert configured() == []
    assert send(experiment()) == []
    assert collector.requests == []


def test_a_missing_extra_says_so(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "opentelemetry.sdk.trace.export", None)

    with pytest.raises(SinkFailed, match="extra `otel`"):
        otel_sink.export(experiment())
