"""Runs reach any collector that the standard variables name, from the log, without a word of anybody."""

from __future__ import annotations

from governance import telemetry
from graphs.sequential import sequential
from tests.scenarios.conftest import LENA, calls
from tests.second import office

GOOD = {"order_id": "T-002", "amount": 90_000}


async def refunded(desk, text):
    desk.script(calls("Facts", **GOOD), calls("Verdict", refund=True, reason="cancelled"))
    run = await desk.start(sequential(office.STEPS).compile(name="sequential", checkpointer=desk.saver), text)
    await desk.plane.decide(LENA, {"approval_id": run.waiting[0]["approval_id"], "type": "approve"})
    return await run.resume()


def values(attributes):
    return {a.key: a.value.string_value or a.value.int_value for a in attributes}


def waiting(collector):
    found = [
        (point.as_int, values(point.attributes))
        for request in collector.metrics
        for resource in request.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name == "tower.runs.waiting"
        for point in metric.gauge.data_points
    ]
    return [(count, about["gen_ai.agent.name"], about["tower.tenant"]) for count, about in found]


async def test_a_run_becomes_one_trace_with_its_agents_calls_and_tools(desk, collector, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    monkeypatch.setenv("OTEL_SERVICE_NAME", "harbor-desk")
    sender = telemetry.Telemetry(desk.plane.audit)
    desk.plane.audit.on_end = sender.ended

    run = await refunded(desk, "Refund T-002, ann.smith@example.org, a birthday that I missed")
    sender.close()

    spans = {span.name: span for span in collector.spans()}
    whole, agent, chat, tool = (
        spans[name]
        for name in ("invoke_agent sequential", "invoke_agent judge", "chat offline-1", "execute_tool refund")
    )
    assert {span.trace_id for span in collector.spans()} == {whole.trace_id}
    assert agent.parent_span_id == whole.span_id
    assert spans["execute_tool refund"].parent_span_id == spans["invoke_agent cashier"].span_id
    assert values(whole.attributes)["tower.run"] == run.id
    assert values(whole.attributes)["tower.outcome"] == "completed"
    assert values(chat.attributes)["gen_ai.operation.name"] == "chat"
    assert values(tool.attributes)["gen_ai.tool.name"] == "refund"
    assert tool.start_time_unix_nano < tool.end_time_unix_nano
    names = {
        m.name
        for r in collector.metrics
        for rm in r.resource_metrics
        for s in rm.scope_metrics
        for m in s.metrics
    }
    assert names == {"gen_ai.client.token.usage", "gen_ai.client.operation.duration"}
    assert {"tower.waits", "tower.answered"} <= {event.name for event in whole.events}
    assert {header["path"] for header in collector.headers} == {"/v1/traces", "/v1/metrics"}
    for word in (b"birthday", b"ann.smith", b"DE89", b"cancelled", b"<iban"):
        assert word not in collector.raw


async def test_a_run_that_waits_is_counted_while_it_waits(desk, collector, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    sender = telemetry.Telemetry(desk.plane.audit)
    desk.script(calls("Facts", **GOOD), calls("Verdict", refund=True, reason="cancelled"))
    graph = sequential(office.STEPS).compile(name="sequential", checkpointer=desk.saver)

    run = await desk.start(graph, "Refund T-002")

    sender.close()
    assert run.waiting
    assert waiting(collector) == [(1, "sequential", "harbor")]


async def test_a_collector_that_is_away_fails_no_run(desk, collector, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    collector.status = 400
    sender = telemetry.Telemetry(desk.plane.audit)
    desk.plane.audit.on_end = sender.ended

    run = await refunded(desk, "Refund T-002")
    sender.close()

    assert run.outcome["status"] == "completed"


def test_without_the_variables_nothing_is_imported_or_sent(desk, monkeypatch):
    telemetry.attach(desk.plane.audit)
    assert desk.plane.audit.on_end is None
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    telemetry.attach(desk.plane.audit)
    assert desk.plane.audit.on_end is None
