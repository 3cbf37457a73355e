"""The remote model sends what `ChatOpenAI` sends, byte for byte as JSON."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel

from governance.errors import ModelUnavailable
from models.remote import RemoteChatModel

CALLED = AIMessage("", tool_calls=[{"name": "look", "args": {"at": "CL-1"}, "id": "one"}])
CHATS = {
    "plain": [SystemMessage("You settle claims."), HumanMessage("hello", name="ann")],
    "tools": [HumanMessage("look"), CALLED, ToolMessage("a claim", tool_call_id="one")],
    "picture": [HumanMessage([{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}])],
}
ANSWER = {
    "id": "1", "object": "chat.completion", "created": 1, "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "{}"}, "finish_reason": "stop"}],
}  # fmt: skip
CALL = {"id": "two", "type": "function", "function": {"name": "look", "arguments": '{"at": "CL-2"}'}}
USED = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
ODD: dict[str, tuple[int, Any]] = {
    "calls": (200, ANSWER | {"usage": USED, "choices": [{
        "index": 0, "finish_reason": "length",
        "message": {"role": "assistant", "content": None, "tool_calls": [CALL]},
    }]}),
}  # fmt: skip
ODD |= {str(status): (status, {"error": {"message": "turned away"}}) for status in (401, 403, 404, 429, 500)}
ODD |= {"silent": (200, ANSWER | {"choices": []}), "untold": (200, ANSWER), "page": (200, "<html>")}


@tool
def look(at: str) -> str:
    """Look at a claim."""
    return at


class Answer(BaseModel):
    """An answer."""

    text: str = ""


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    seen: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            seen.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            status, answer = ODD.get(seen[-1]["model"], (200, ANSWER))
            said = (answer if isinstance(answer, str) else json.dumps(answer)).encode()
            self.send_response(status)
            if seen[-1]["model"] not in {"untold", "page"}:
                self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{listening.server_port}/v1", seen
        listening.shutdown()
        thread.join()


@pytest.mark.parametrize("kind", CHATS)
@pytest.mark.parametrize("bound", ["alone", "tools", "schema"])
async def test_the_same_request_arrives(server, kind, bound):
    url, seen = server
    seen.clear()
    for cls in (ChatOpenAI, RemoteChatModel):
        model: Any = cls(
            model="m", base_url=url, api_key="none", max_retries=0, temperature=0.5, extra_body={"top_k": 3}
        )
        if bound == "tools":
            model = model.bind_tools([look], tool_choice="any")
        if bound == "schema":
            model = model.with_structured_output(Answer, method="json_schema")
        await model.ainvoke(CHATS[kind], stop=["END"])

    stock, ours = seen
    assert ours == stock
    assert len(ours["messages"]) == len(CHATS[kind])


@pytest.mark.parametrize("name", ["m", "calls", "untold"])
async def test_the_same_answer_is_read(server, name):
    stock, ours = [await ask(server[0], name, cls) for cls in (ChatOpenAI, RemoteChatModel)]

    for field in ("content", "tool_calls", "invalid_tool_calls", "usage_metadata"):
        assert getattr(ours, field) == getattr(stock, field)
    for field in ("finish_reason", "model_name", "id"):
        assert ours.response_metadata[field] == stock.response_metadata[field]


async def test_a_page_instead_of_an_answer_is_a_failure(server):
    with pytest.raises(ValueError, match="html"):
        await ask(server[0], "page")


@pytest.mark.parametrize("status", ["401", "403", "404"])
async def test_being_turned_away_is_an_operators_matter(server, status):
    with pytest.raises(ModelUnavailable, match=f"{status}.*turned away"):
        await ask(server[0], status)


async def test_so_is_a_server_where_nobody_listens():
    with pytest.raises(ModelUnavailable, match=r"no connection to http://127.0.0.1:9/v1"):
        await ask("http://127.0.0.1:9/v1", "m")


@pytest.mark.parametrize("status", ["429", "500"])
async def test_a_server_that_is_overloaded_or_broken_is_an_outage(server, status):
    with pytest.raises(ConnectionError, match="turned away"):
        await ask(server[0], status)


async def test_an_answer_without_an_answer_says_so(server):
    with pytest.raises(ValueError, match="the model's server gave no answer"):
        await ask(server[0], "silent")


async def ask(url: str, model: str, cls: type[ChatOpenAI] = RemoteChatModel) -> AIMessage:
    return await cls(model=model, base_url=url, api_key="none", max_retries=0).ainvoke("hello")
