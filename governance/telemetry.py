"""Telemetry: a run that ended as OpenTelemetry spans and metrics, from the audit log; how many runs wait."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from governance.audit import AuditLog
from governance.clock import moment
from governance.errors import ControlUnavailable

if TYPE_CHECKING:
    from opentelemetry.metrics import CallbackOptions, Observation
    from opentelemetry.trace import Span

OPERATIONS = {"model": "chat", "tool": "execute_tool"}
ENDINGS = frozenset({"settled", "failed", "unknown", "discarded"})
TOLD = {"refused": "refused", "approval_requested": "waits", "approval_decided": "answered"}
SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
TOKENS = tuple(4**power for power in range(14))
"""Buckets, as the semantic conventions for generative AI have them."""
_LOG = logging.getLogger(__name__)

Fields = Mapping[str, Any]


def wanted() -> bool:
    """Whether the standard variables name a collector."""
    named = ("", "_TRACES", "_METRICS")
    off = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    return not off and any(os.environ.get(f"OTEL_EXPORTER_OTLP{each}_ENDPOINT") for each in named)


def attach(audit: AuditLog) -> None:
    """Have runs sent once they ended, where a collector is named; a missing extra is a warning."""
    if wanted():
        try:
            audit.on_end = Telemetry(audit).ended
        except ImportError as error:
            _LOG.warning(
                "OTEL_* names a collector, and nothing is sent (%s); install the extra `otel`", error
            )


class Telemetry:
    """Sends each run once it has ended, from a thread of its own; what fails is logged and fails no run."""

    def __init__(self, audit: AuditLog) -> None:
        """Open the exporters.

        Raises:
            ImportError: The extra `otel` isn't installed.
        """
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter  # noqa: PLC0415
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.metrics import MeterProvider  # noqa: PLC0415
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

        self._audit = audit
        # Its thread is joined when the process ends, before the providers send what they still have.
        self._sender = ThreadPoolExecutor(max_workers=1, thread_name_prefix="telemetry")
        self._traces = TracerProvider()
        self._traces.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._meters = MeterProvider([PeriodicExportingMetricReader(OTLPMetricExporter())])
        self._tracer, meter = self._traces.get_tracer("tower"), self._meters.get_meter("tower")
        self._tokens = meter.create_histogram(
            "gen_ai.client.token.usage", "{token}", explicit_bucket_boundaries_advisory=TOKENS
        )
        self._seconds = meter.create_histogram(
            "gen_ai.client.operation.duration", "s", explicit_bucket_boundaries_advisory=SECONDS
        )
        meter.create_observable_gauge("tower.runs.waiting", [self._waiting], "{run}")

    def ended(self, run_id: str) -> None:
        """Send a run, in its own time."""
        self._sender.submit(self._send, run_id)

    def close(self) -> None:
        """Send what is left; at its end the process does so by itself."""
        self._sender.shutdown()
        self._traces.shutdown()
        self._meters.shutdown()

    def _send(self, run_id: str) -> None:
        try:
            self._run(list(self._audit.entries(run=run_id)))
        except Exception:  # noqa: BLE001 - a collector is no part of a run, and must fail none
            _LOG.exception("run %s could not be told to the collector; the audit log has it", run_id)

    def _waiting(self, _: CallbackOptions) -> list[Observation]:
        """How many runs wait for a person now; a process that is ending, or can't read, has none to tell."""
        from opentelemetry.metrics import Observation  # noqa: PLC0415

        sql = "SELECT tenant, graph, count(*) FROM runs WHERE state = 'waiting' GROUP BY tenant, graph"
        with suppress(RuntimeError, ControlUnavailable):
            rows = self._audit.store.read_sync(lambda tx: tx.all(sql))
            return [Observation(n, {"tower.tenant": of, "gen_ai.agent.name": graph}) for of, graph, n in rows]
        return []

    def _run(self, entries: Sequence[Fields]) -> None:
        first, last = entries[0], entries[-1]
        graph = str(first["body"].get("graph", "undo"))
        about = {"run": last["run"], "tenant": last["tenant"], "policy": last["policy_version"]}
        about["outcome"] = str(last["body"].get("status"))
        of_run = {f"tower.{name}": value for name, value in about.items()}
        whole = self._open(None, "invoke_agent", graph, first, {"gen_ai.agent.name": graph, **of_run})
        agents: dict[str, list[Fields]] = {}
        for entry in entries:
            if entry.get("actor") and entry.get("key"):
                # An agent's place in its run: what comes before the act's own sequence number in its key.
                place = f"{entry['actor']} {str(entry['key']).rsplit('/', 3)[0]}"
                agents.setdefault(place, []).append(entry)
            if entry["kind"] in TOLD:
                why = {"tower.action": entry.get("action", ""), "tower.policies": entry.get("policies", [])}
                whole.add_event(f"tower.{TOLD[entry['kind']]}", why, _nanoseconds(entry))
        for done in agents.values():
            self._agent(whole, done)
        whole.end(_nanoseconds(last))

    def _agent(self, whole: Span, entries: Sequence[Fields]) -> None:
        """One agent's visit of one step, and what it asked and did there."""
        first = entries[0]
        who = {"gen_ai.agent.name": first["actor"], "gen_ai.agent.id": first["agent_version"]}
        span = self._open(whole, "invoke_agent", first["actor"], first, who)
        begun: dict[str, Fields] = {}
        for entry in entries:
            if entry["kind"] == "cleared" and entry["seam"] in OPERATIONS:
                begun[entry["key"]] = entry
            elif entry["kind"] in ENDINGS and entry["key"] in begun:
                self._act(span, begun.pop(entry["key"]), entry)
        span.end(_nanoseconds(entries[-1]))

    def _act(self, agent: Span, begun: Fields, ended: Fields) -> None:
        operation = OPERATIONS[begun["seam"]]
        failed = {} if ended["kind"] == "settled" else {"error.type": ended["kind"]}
        used: dict[str, int] = {}
        if operation == "chat":
            provider, used = self._answer(begun["key"])
            about = {"gen_ai.provider.name": provider, "gen_ai.request.model": begun["model"]} | failed
        else:
            about = {"gen_ai.tool.name": begun["action"], "gen_ai.tool.type": "function"} | failed
        name = begun["model"] if operation == "chat" else begun["action"]
        counts = {f"gen_ai.usage.{kind}_tokens": count for kind, count in used.items()}
        self._open(agent, operation, name, begun, about | counts).end(_nanoseconds(ended))
        labels = {"gen_ai.operation.name": operation, **about}
        self._seconds.record((_nanoseconds(ended) - _nanoseconds(begun)) / 1e9, labels)
        for kind, count in used.items():
            self._tokens.record(count, {**labels, "gen_ai.token.type": kind})

    def _answer(self, key: str) -> tuple[str, dict[str, int]]:
        """Who gave an answer, and its tokens by direction; its words stay where they are."""
        row = self._audit.store.read_sync(
            lambda tx: tx.one("SELECT result FROM journal WHERE key = ?", (key,))
        )
        said = (json.loads(row[0]) if row and row[0] else {}).get("data", {})
        usage = said.get("usage_metadata") or {}
        used = {kind: usage[f"{kind}_tokens"] for kind in ("input", "output") if f"{kind}_tokens" in usage}
        return str(said.get("response_metadata", {}).get("model_provider", "_OTHER")), used

    def _open(self, parent: Span | None, operation: str, name: str, entry: Fields, more: Fields) -> Span:
        from opentelemetry.trace import SpanKind, set_span_in_context  # noqa: PLC0415

        kind = SpanKind.CLIENT if operation == "chat" else SpanKind.INTERNAL
        context = set_span_in_context(parent) if parent else None
        about = {"gen_ai.operation.name": operation, **{key: value for key, value in more.items() if value}}
        at = _nanoseconds(entry)
        return self._tracer.start_span(f"{operation} {name}", context, kind, about, start_time=at)


def _nanoseconds(entry: Fields) -> int:
    return int(moment(entry["time"]).timestamp() * 1e6) * 1000
