"""A LangSmith that keeps what the real SDK sends it and answers from that; it can lose or change things."""

from __future__ import annotations

import gzip
import json
import re
import threading
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TENANT = "7d1c0f2e-6c57-4f0e-9a51-3f1f0a8f6b1d"
NOW = datetime(2026, 1, 1, tzinfo=UTC).isoformat()


class Stub:
    """What it has, and what went wrong on the way.

    Attributes:
        requests: Method and path of everything that came in.
        forget: A kind (`runs`, `feedback`, `examples`, `queued`) of which every second one is lost.
        alter: Kind → what changes a value that came in, before it is kept.
        raw: What every request is answered with.
        hang: The start of paths that aren't answered until `answering` is set.
    """

    def __init__(self, *, multipart: bool) -> None:
        self.multipart = multipart
        self.requests: list[tuple[str, str]] = []
        self.datasets: dict[str, dict[str, Any]] = {}
        self.examples: dict[str, dict[str, Any]] = {}
        self.projects: dict[str, dict[str, Any]] = {}
        self.runs: dict[str, dict[str, Any]] = {}
        self.feedback: dict[str, dict[str, Any]] = {}
        self.queues: dict[str, dict[str, Any]] = {}
        self.queued: dict[str, list[str]] = defaultdict(list)
        self.forget = ""
        self.alter: dict[str, Callable[[dict[str, Any]], object]] = {}
        self.raw: bytes | None = None
        self.hang = ""
        self.answering = threading.Event()
        self.refuse = 0
        self.refuse_at = ""
        self.url = ""
        self.lock = threading.RLock()

    def keep(self, kind: str, value: dict[str, Any]) -> None:
        table: dict[str, Any] = getattr(self, kind)
        if self.forget == kind and int(uuid.UUID(value["id"])) % 2:
            return
        value = {**table.get(value["id"], {}), **value}
        if split := kind == "examples" and value.pop("split", None):
            value["metadata"] = {
                **value["metadata"],
                "dataset_split": split if isinstance(split, list) else [split],
            }
        self.alter.get(kind, id)(value)
        table[value["id"]] = value


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each answer waits 40 ms for the client's acknowledgement
    stub: Stub

    def do_GET(self) -> None:
        self._handle(None)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        self._handle(body)

    do_PATCH = do_PUT = do_POST  # noqa: N815

    def _handle(self, body: bytes | None) -> None:
        split = urlsplit(self.path)
        if self.stub.hang and split.path.startswith(self.stub.hang):
            self.stub.answering.wait()
        with self.stub.lock:
            self.stub.requests.append((self.command, split.path))
            if self.stub.raw is not None:
                self._send(self.stub.raw, 200)
                return
            if self.stub.refuse and split.path.startswith(self.stub.refuse_at):
                self._answer({"detail": "no"}, self.stub.refuse)
                return
            if split.path == "/runs/multipart":
                self._multipart(body or b"")
                self._answer({})
                return
            value = json.loads(body) if body else None
            self._answer(*route(self.stub, self.command, split.path, parse_qs(split.query), value))

    def _multipart(self, body: bytes) -> None:
        head = f"Content-Type: {self.headers['content-type']}\r\n\r\n".encode()
        runs: dict[str, dict[str, Any]] = defaultdict(dict)
        for part in BytesParser(policy=HTTP).parsebytes(head + body).iter_parts():
            name = str(part.get_param("name", header="content-disposition"))
            kind, id_, *field = name.split(".")
            value = json.loads(part.get_payload(decode=True))
            if kind == "feedback":
                self.stub.keep("feedback", value)
            else:
                runs[id_] |= {field[0]: value} if field else {**value, "id": id_}
        for run in runs.values():
            self.stub.keep("runs", run)

    def _answer(self, value: Any, status: int = 200) -> None:
        self._send(json.dumps(value).encode(), status)

    def _send(self, text: bytes, status: int) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        pass


def route(  # noqa: C901, PLR0911, PLR0912 - one branch for each endpoint
    stub: Stub, method: str, path: str, query: dict[str, list[str]], body: Any
) -> tuple[Any, int]:
    """Answer one request; what the sink has no need of is refused, so that a test would notice."""
    page = slice(int(query.get("offset", ["0"])[0]), None)
    match method, path.strip("/").split("/"):
        case "GET", ["info"]:
            return info(stub), 200
        case "GET", ["datasets"]:
            return [d for d in stub.datasets.values() if d["name"] in query["name"]], 200
        case "POST", ["datasets"]:
            made = {"id": str(uuid.uuid4()), "created_at": NOW, "name": body["name"]}
            stub.datasets[made["id"]] = made
            return made, 200
        case "GET", ["examples"]:
            own = [e for e in stub.examples.values() if e["dataset_id"] in query["dataset"]]
            return own[page][:100], 200
        case "GET", ["examples", id_]:
            return (stub.examples[id_], 200) if id_ in stub.examples else ({"detail": "no such example"}, 404)
        case "POST", ["examples"]:
            stub.keep("examples", {**body, "created_at": NOW})
            return {**body, "created_at": NOW}, 200
        case "PUT", ["datasets", _, "tags"]:
            return {}, 200
        case "POST", ["examples", "bulk"]:
            for example in body:
                stub.keep("examples", {**example, "created_at": NOW})
            return [{"id": e["id"]} for e in body], 200
        case "PATCH", ["examples", "bulk"]:
            for example in body:
                stub.keep("examples", example)
            return {"count": len(body)}, 200
        case "PATCH", ["examples", id_]:
            stub.keep("examples", {**body, "id": id_})
            return {}, 200
        case "GET", ["sessions"]:
            names = query.get("name", [])
            found = [p for p in stub.projects.values() if not names or p["name"] in names]
            return [session(p) for p in found] or [{"id": TENANT, "tenant_id": TENANT}], 200
        case "POST", ["sessions"]:
            if any(p["name"] == body["name"] for p in stub.projects.values()):
                return {"detail": "it exists"}, 409
            stub.keep("projects", body)
            return session(stub.projects[body["id"]]), 200
        case "GET", ["sessions", id_]:
            return session(stub.projects[id_]), 200
        case "PATCH", ["sessions", id_]:
            stub.keep("projects", {"id": id_} | {k: v for k, v in body.items() if v is not None})
            return session(stub.projects[id_]), 200
        case "POST", ["runs", "batch"]:
            for run in [*body.get("post", []), *body.get("patch", [])]:
                stub.keep("runs", run)
            return {}, 200
        case "POST", ["runs", "query"]:
            names = {id_: p["name"] for id_, p in stub.projects.items()}
            own = [r for r in stub.runs.values() if r["session_name"] in (names[s] for s in body["session"])]
            start = int(body.get("cursor", 0))
            found = [kept_run(stub, r, body["select"]) for r in own[start : start + body["limit"]]]
            more = start + body["limit"] if len(own) > start + body["limit"] else None
            return {"runs": found, "cursors": {"next": more}}, 200
        case "POST", ["feedback"]:
            if body["run_id"] not in stub.runs and stub.forget != "runs":
                return {"detail": "no such run"}, 404
            stub.keep("feedback", body)
            return {}, 200
        case "GET", ["annotation-queues"]:
            return [q for q in stub.queues.values() if q["name"] in query["name"]], 200
        case "POST", ["annotation-queues"]:
            stub.queues[body["id"]] = {**body, "tenant_id": TENANT}
            return stub.queues[body["id"]], 200
        case "POST", ["annotation-queues", id_, "runs", "by-key"]:
            stub.queued[id_] += [] if stub.forget == "queued" else [key["run_id"] for key in body]
            return {}, 200
        case "GET", ["annotation-queues", id_, "runs"]:
            return [stub.runs[run] for run in stub.queued[id_]][page][:100], 200
    return {"detail": f"the stub knows no {method} {path}"}, 400


def info(stub: Stub) -> dict[str, Any]:
    limits = {"size_limit": 100, "size_limit_bytes": 20_000_000, "scale_up_nthreads_limit": 1}
    config = {"use_multipart_endpoint": stub.multipart, "scale_up_qsize_trigger": 1_000, **limits}
    return {"version": "0.15.0", "batch_ingest_config": config | {"scale_down_nempty_trigger": 4}}


def feedback_run(feedback: dict[str, Any]) -> str:
    return str(feedback.get("run_id") or feedback.get("trace_id"))


def kept_run(stub: Stub, run: dict[str, Any], select: list[str]) -> dict[str, Any]:
    """A run with what is known of its scores, counted from what is really there."""
    scores: dict[str, list[float]] = defaultdict(list)
    for one in stub.feedback.values():
        if feedback_run(one) == run["id"]:
            scores[one["key"]].append(one["score"])
    stats = {key: {"n": len(own), "avg": sum(own) / len(own)} for key, own in scores.items()}
    return {key: ({**run, "feedback_stats": stats}).get(key) for key in select}


def session(project: dict[str, Any]) -> dict[str, Any]:
    known = ("id", "name", "extra", "reference_dataset_id", "end_time")
    return {"tenant_id": TENANT, **{key: project.get(key) for key in known}}


@contextmanager
def serving(*, multipart: bool) -> Iterator[Stub]:
    stub = Stub(multipart=multipart)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"stub": stub}))
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # a client that waits no longer
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    stub.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield stub
    finally:
        stub.answering.set()
        server.shutdown()
        server.server_close()


UUID7 = re.compile(r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab]")
