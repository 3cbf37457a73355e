"""Bad model: an OpenAI-compatible server on loopback that says what the crews' scripts say, mostly.

One call in five goes wrong, in a way that is chosen by the seed, the case, the agent and how often
it has asked: the same campaign has the same faults, whoever comes first.
"""

from __future__ import annotations

import json
import random
import re
import socket
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

from langchain_core.messages import AIMessage, HumanMessage

from models.scripted import _message
from tests.campaigns.provider import note
from tests.matrix.crews import CREWS, look, pay

LOST = ("429", "500", "hangs", "cut", "not json", "no choices")
"""No answer arrives: the same question is asked again."""
WRONG = ("broken arguments", "wrong schema", "unknown tool", "empty", "cut short", "says and breaks")
"""An answer arrives that is none."""
SCRIPTS = {crew.name: crew.scripts(look(), pay()) for crew in CREWS}


class Script:
    """Whose turn it is to say what; one answer that arrived whole is followed by the next line."""

    def __init__(self, seed: int, share: float, log: Path, hang: float) -> None:
        self.seed, self.share, self.log, self.hang = seed, share, log, hang
        self.asked: dict[tuple[str, str], int] = {}
        self.line: dict[tuple[str, str], int] = {}
        self.seen: dict[tuple[str, str], dict[str, bool]] = {}
        self.lock = threading.Lock()

    def turn(self, messages: list[dict[str, Any]]) -> tuple[AIMessage, str]:
        """What to say, and what goes wrong with it."""
        texts = [str(message.get("content") or "") for message in messages]
        said = "\n".join(texts)
        case = re.search(r"Case (\w+)-(\d+)\.", said)
        job = re.search(r"Job of \w+\.", texts[0])
        if not case or not job:
            msg = f"a prompt without its case: {said[:200]}"
            raise AssertionError(msg)
        who = (case[0], job[0])
        with self.lock:
            self.asked[who] = count = self.asked.get(who, 0) + 1
            seen = self.seen.setdefault(who, {})
            line = self.line.setdefault(who, 0)
            if said not in seen:
                if seen and list(seen.values())[-1]:
                    line = self.line[who] = line + 1
                seen[said] = False
            fault = self._fault(who, count)
            if fault not in LOST:
                seen[said] = not fault
        note(self.log, {"case": case[0], "job": job[0], "fault": fault})
        lines = SCRIPTS[case[1]][job[0]].lines
        chosen = lines[min(line, len(lines) - 1)]
        message = _message(chosen([HumanMessage(text) for text in texts]) if callable(chosen) else chosen)
        for call in message.tool_calls:
            if call["args"].get("task"):  # a worker sees nothing else
                call["args"] = call["args"] | {
                    "task": f"{call['args']['task'].partition(' Case ')[0]} {case[0]}"
                }
        return message, fault

    def _fault(self, who: tuple[str, str], count: int) -> str:
        chance = random.Random(f"{self.seed}/{who}/{count}")
        return chance.choice([*LOST, *WRONG]) if chance.random() < self.share else ""


class Handler(BaseHTTPRequestHandler):
    """One chat completion, or what is left of it."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    script: Script

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        message, fault = self.script.turn(request["messages"])
        if fault in ("429", "500"):
            error = {"error": {"message": "try later", "type": "server_error"}}
            self._send(json.dumps(error).encode(), status=int(fault))
            return
        if fault == "hangs":
            time.sleep(self.script.hang)
        body = json.dumps(_completion(request["model"], message, fault)).encode()
        if fault == "not json":
            body = b'{"id": "stub", "choices": [{'
        self._send(body, cut=fault == "cut")

    def _send(self, body: bytes, *, status: int = 200, cut: bool = False) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if cut else body)
        if cut:
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _completion(model: str, message: AIMessage, fault: str) -> dict[str, Any]:
    text, finish = str(message.text), "tool_calls" if message.tool_calls else "stop"
    calls = [_call(call, fault) for call in message.tool_calls]
    if fault == "empty":
        text, calls, finish = "", [], "stop"
    elif fault == "cut short":
        # The most tokens were reached: half of it is there, and only this word says so.
        finish, text = "length", text[: len(text) // 2]
        for call in calls:
            call["function"]["arguments"] = call["function"]["arguments"][:-5]
    elif fault == "says and breaks":
        text = "I will do that now."
        bad = {"name": "refund", "arguments": '{"order_id": "T-0'}
        calls = [{"id": "call_x", "type": "function", "function": bad}]
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": text, **({"tool_calls": calls} if calls else {})},
        "finish_reason": finish,
    }
    return {
        "id": "stub",
        "object": "chat.completion",
        "created": 0,
        "model": model,
        "choices": [] if fault == "no choices" else [choice],
        "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
    }


def _call(call: Mapping[str, Any], fault: str) -> dict[str, Any]:
    name, arguments = call["name"], json.dumps(call["args"])
    if fault == "broken arguments":
        arguments = arguments[:-2]
    elif fault == "wrong schema":
        arguments = json.dumps({"surprise": [1, {}]})
    elif fault == "unknown tool":
        name = "transfer_everything"
    function = {"name": name, "arguments": arguments}
    return {"id": f"call_{uuid4().hex[:8]}", "type": "function", "function": function}


def server(seed: int, share: float, log: Path, hang: float) -> ThreadingHTTPServer:
    """Listen on a free port of loopback."""

    class Listener(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, *_: object) -> None:
            """A client that has gone is part of the game."""

    handler = type("Scripted", (Handler,), {"script": Script(seed, share, log, hang)})
    return Listener(("127.0.0.1", 0), handler)
