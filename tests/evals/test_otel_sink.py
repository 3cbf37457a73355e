"""An experiment reaches any collector that the standard variables name, whole or not at all."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from evals import otel_sink
from evals.sinks import SinkFailed, configured, send
from tests.evals.results import experiment


@dataclass
class Collector:
    url: str = ""
    status: int = 200
    headers: list[dict[str, str]] = field(default_factory=list)
    requests: list[ExportTraceServiceRequest] = field(default_factory=list)

    def spans(self) -> list[Span]:
        return [
            span
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


@pytest.fixture
def collector() -> Iterator[Collector]:
    found = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            found.headers.append({"path": self.path, **{k.lower(): v for k, v in self.headers.items()}})
            found.requests.append(ExportTraceServiceRequest.FromString(body))
            self.send_response(found.status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    found.url = f"http://127.0.0.1:{server.server_port}"
    yield found
    server.shutdown()
    server.server_close()


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
