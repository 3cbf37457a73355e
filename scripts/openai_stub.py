"""A loopback stand-in for an OpenAI-compatible server: answers every call at once, in its own process.

It calls the tool that ends an agent's turn (the last one offered) with arguments that fit its schema,
so that both sides of the bench do the same work with a model that costs nothing.
"""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


def fill(schema: dict[str, Any]) -> dict[str, Any]:
    """Arguments that fit a flat object schema."""
    samples = {"integer": 1, "boolean": True, "array": ["x"], "number": 1}
    return {
        name: field.get("enum", [samples.get(field.get("type", "string"), "text")])[0]
        for name, field in schema.get("properties", {}).items()
    }


class Stub(BaseHTTPRequestHandler):
    """One chat completion per request."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        """Answer a chat completion."""
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        message: dict[str, Any] = {"role": "assistant", "content": "done"}
        if request.get("tools"):
            function = request["tools"][-1]["function"]
            arguments = json.dumps(fill(function["parameters"]))
            call = {"name": function["name"], "arguments": arguments}
            message = {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "call_1", "type": "function", "function": call}],
            }
        body = json.dumps(
            {
                "id": "stub",
                "object": "chat.completion",
                "created": 0,
                "model": request["model"],
                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
            }
        ).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Stub)
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()
