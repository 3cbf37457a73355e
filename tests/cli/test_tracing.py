"""With a key, runs appear in LangSmith, masked; without one, nothing is sent (real SDK, recording stub)."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.cli.conftest import Tower

Langsmith = tuple[str, list[tuple[str, str]]]
LETTER = "Marta Lindqvist asks: is luggage covered that was stolen from a locked car?"


class Recorder(BaseHTTPRequestHandler):
    """Takes what the SDK posts, as JSON batches."""

    seen: list[tuple[str, str]]

    def do_GET(self) -> None:
        limits = {"size_limit": 100, "size_limit_bytes": 20_000_000, "scale_up_nthreads_limit": 1}
        triggers = {"scale_up_qsize_trigger": 1_000, "scale_down_nempty_trigger": 4}
        config = {"use_multipart_endpoint": False, **limits, **triggers}
        self._answer({"version": "0", "batch_ingest_config": config})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        self.seen.append((self.path, body.decode("utf-8", "replace")))
        self._answer({})

    def do_PATCH(self) -> None:
        self.do_POST()

    def _answer(self, value: object) -> None:
        text = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def langsmith() -> Iterator[Langsmith]:
    seen: list[tuple[str, str]] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Recorder,), {"seen": seen}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", seen
    server.shutdown()
    server.server_close()


def run(tower: Tower) -> str:
    return str(tower.json("run", "--graph", "direct", "--customer", "C-10001", LETTER)["run"])


def test_with_a_key_runs_are_named_and_masked(tower: Tower, langsmith: Langsmith):
    url, seen = langsmith
    tower.env |= {"LANGSMITH_API_KEY": "key", "LANGSMITH_ENDPOINT": url}

    name = run(tower)

    sent = "\n".join(body for _, body in seen)
    assert name in sent
    for expected in ('"direct"', "policy_version", "completed", "<person:"):
        assert expected in sent
    assert "Lindqvist" not in sent
    assert "Marta" not in sent


def test_without_a_key_nothing_is_sent(tower: Tower, langsmith: Langsmith):
    url, seen = langsmith
    tower.env |= {"LANGSMITH_ENDPOINT": url, "LANGSMITH_TRACING": "true"}

    run(tower)

    assert seen == []
