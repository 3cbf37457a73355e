"""The local model's surroundings, without a model: what it refuses, sends and reads back."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from threading import Event
from time import sleep
from typing import Annotated, Any, Literal

import jsonschema
import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from pydantic import BaseModel, Field

from models import local
from models.local import LocalChatModel, LocalModelError, check_model, open_server

IBAN = "<iban:b81bbb90b311>"


class Inner(BaseModel):
    size: Literal["s", "m"]


@tool
def order(item: str, inner: Inner) -> str:
    """Order an item."""
    return f"{item}{inner}"


@tool
def cancel(number: int) -> str:
    """Cancel an order."""
    return str(number)


class Recorder:
    """Stands where the server of a model stands."""

    def __init__(self, content: str) -> None:
        self.content = content
        self.requests: list[dict[str, Any]] = []

    def handle_chat_completions(self, request: dict[str, Any]) -> dict[str, Any]:
        self.requests.append(request)
        return {
            "id": "1",
            "choices": [{"message": {"content": self.content}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 7, "completion_tokens": 3},
        }


@pytest.fixture
def served(monkeypatch):
    def serve(content: Any) -> Recorder:
        recorder = Recorder(content if isinstance(content, str) else json.dumps(content))
        monkeypatch.setattr(local, "open_server", lambda *_: recorder)
        return recorder

    return serve


def test_a_file_with_another_hash_or_none_is_refused(tmp_path):
    file = tmp_path / "model.gguf"
    file.write_bytes(b"weights")
    check_model(str(file), hashlib.sha256(b"weights").hexdigest())
    check_model(str(file), None)
    with pytest.raises(LocalModelError, match="fetch the file again"):
        check_model(str(file), "0" * 64)
    with pytest.raises(LocalModelError, match="no such file"):
        check_model(str(tmp_path / "other.gguf"), None)


def test_without_the_extra_the_message_says_what_to_install(tmp_path, monkeypatch):
    file = tmp_path / "model.gguf"
    file.write_bytes(b"weights")
    monkeypatch.setenv("TOWER_LOCAL_GGUF", str(file))
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    open_server.cache_clear()
    with pytest.raises(LocalModelError, match="extra `local`"):
        LocalChatModel().invoke("hi")


def test_tools_become_one_schema_and_come_back_as_calls(served):
    reply = {"tool": "order", "args": {"item": "tea", "inner": {"size": "s"}}}
    recorder = served(reply)
    answer = LocalChatModel().bind_tools([order, cancel], tool_choice="any").invoke("Tea, small")
    assert [(c["name"], c["args"]) for c in answer.tool_calls] == [("order", reply["args"])]
    assert answer.usage_metadata["total_tokens"] == 10
    schema = recorder.requests[0]["response_format"]["json_schema"]["schema"]
    jsonschema.validate(reply, schema)
    jsonschema.validate({"tool": "cancel", "args": {"number": 3}}, schema)
    for wrong in ({"tool": "pay", "args": {}}, {"tool": "cancel", "args": {}}, {"answer": "no"}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema)
    assert "$ref" not in json.dumps(schema)


def test_with_a_free_choice_it_may_answer_in_words(served):
    recorder = served({"answer": "Good day"})
    answer = LocalChatModel().bind_tools([cancel]).invoke("Hello")
    assert (answer.text, answer.tool_calls) == ("Good day", [])
    jsonschema.validate({"answer": "x"}, recorder.requests[0]["response_format"]["json_schema"]["schema"])


def test_it_is_told_that_it_may_answer_in_words_only_where_it_may(served):
    recorder = served({"answer": "Good day"})
    LocalChatModel().bind_tools([cancel]).invoke("Hello")
    LocalChatModel().bind_tools([cancel], tool_choice="any").invoke("Hello")
    free, forced = (request["messages"][0]["content"] for request in recorder.requests)
    assert '{"answer": text}' in free
    assert '{"answer": text}' not in forced


def test_after_a_result_it_is_told_that_it_may_end(served):
    recorder = served({"answer": "Good day"})
    said = [
        AIMessage("", tool_calls=[{"name": "cancel", "args": {}, "id": "a"}]),
        ToolMessage("3", tool_call_id="a"),
    ]
    LocalChatModel().bind_tools([cancel]).invoke([HumanMessage("Hello"), *said])
    LocalChatModel().bind_tools([cancel], tool_choice="any").invoke([HumanMessage("Hello"), *said])
    free, forced = (request["messages"][-1]["content"] for request in recorder.requests)
    assert free.endswith('If this settles it, reply {"answer": text}; otherwise call the next tool.')
    assert forced.endswith("If this settles it, give the final answer; otherwise call the next tool.")


def test_what_is_shown_is_short_and_what_is_enforced_is_whole(served):
    class Job(BaseModel):
        """Say what it is, e.g. I want rum; tea please."""

        title: Annotated[str | None, Field(max_length=9)] = None
        kind: Annotated[
            Literal["a", "b"],
            Field(description="Which.\n- a: one, e.g. tea; milk; rum\n- b: two, e.g. oil; tar; wax"),
        ]
        parts: Annotated[list[Inner], Field(description="What it is made of")] = []

    recorder = served({"tool": "Job", "args": {"kind": "a"}})
    LocalChatModel().bind_tools([Job], tool_choice="any").invoke("Rum")
    shown = recorder.requests[0]["messages"][0]["content"]
    enforced = recorder.requests[0]["response_format"]["json_schema"]["schema"]
    assert shown.splitlines()[1:] == [
        "- Job: Say what it is.",
        "    title? (string)",
        "    kind (one of these): Which.",
        "    - a: one, e.g. tea; milk",
        "    - b: two, e.g. oil; tar",
        "    parts? (list of object): What it is made of",
        '        size ("s" | "m")',
    ]
    jsonschema.validate({"tool": "Job", "args": {"kind": "a", "title": None}}, enforced)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"tool": "Job", "args": {"kind": "a", "title": "0123456789"}}, enforced)


def test_agents_side_by_side_load_the_model_once(monkeypatch, tmp_path):
    loaded: list[tuple[str, int | None]] = []

    @lru_cache(maxsize=1)
    def opening(path: str, threads: int | None) -> Recorder:
        loaded.append((path, threads))
        sleep(0.05)  # the others come in meanwhile
        return Recorder("fine")

    monkeypatch.setattr(local, "open_server", opening)
    monkeypatch.setenv("TOWER_LOCAL_GGUF", "model.gguf")
    monkeypatch.setenv("TOWER_LOCAL_THREADS", "1")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: LocalChatModel().invoke("hi"), range(4)))
    assert loaded == [("model.gguf", 1)]
    monkeypatch.setenv("TOWER_LOCAL_THREADS", "many")
    with pytest.raises(LocalModelError, match="give a number of threads"):
        LocalChatModel().invoke("hi")


async def test_who_gives_up_before_its_turn_is_not_computed(monkeypatch):
    begun, go_on = Event(), Event()

    class Slow(Recorder):
        def handle_chat_completions(self, request: dict[str, Any]) -> dict[str, Any]:
            begun.set()
            go_on.wait()
            return super().handle_chat_completions(request)

    slow = Slow("fine")
    monkeypatch.setattr(local, "open_server", lambda *_: slow)
    first = asyncio.create_task(LocalChatModel().ainvoke("first"))
    await asyncio.to_thread(begun.wait)
    second = asyncio.create_task(LocalChatModel().ainvoke("second"))
    while not local._line._work_queue.qsize():  # noqa: ASYNC110 - the line is a thread's
        await asyncio.sleep(0)
    second.cancel()
    third = asyncio.create_task(LocalChatModel().ainvoke("third"))
    with pytest.raises(asyncio.CancelledError):
        await second
    go_on.set()
    assert [(await task).text for task in (first, third)] == ["fine", "fine"]
    assert [request["messages"][-1]["content"] for request in slow.requests] == ["first", "third"]


def test_structured_output_is_enforced_and_read(served):
    served({"size": "m"})
    assert LocalChatModel().with_structured_output(Inner).invoke("medium") == Inner(size="m")


async def test_the_dialogue_keeps_calls_results_and_alternating_roles(served):
    recorder = served("fine")
    await LocalChatModel().ainvoke(
        [
            SystemMessage("Be short."),
            HumanMessage("Cancel 3"),
            HumanMessage("please"),
            AIMessage("", tool_calls=[{"name": "cancel", "args": {"number": 3}, "id": "a"}]),
            ToolMessage("done", tool_call_id="a"),
        ]
    )
    roles = [turn["role"] for turn in recorder.requests[0]["messages"]]
    assert roles == ["system", "user", "assistant", "user"]
    assert '"number": 3' in recorder.requests[0]["messages"][2]["content"]
    assert "done" in recorder.requests[0]["messages"][3]["content"]


def test_a_failure_of_the_server_is_raised(monkeypatch):
    class Broken:
        def handle_chat_completions(self, _request: Any) -> dict[str, Any]:
            return {"code": 400, "message": "context is full"}

    monkeypatch.setattr(local, "open_server", lambda *_: Broken())
    with pytest.raises(LocalModelError, match="context is full"):
        LocalChatModel().invoke("hi")


def test_an_answer_cut_off_is_no_call(served):
    served('{"tool": "cancel", "args": {"num')
    assert not LocalChatModel().bind_tools([cancel], tool_choice="any").invoke("x").tool_calls


def test_a_number_on_record_is_one_that_was_said(served):
    @tool
    def pay(
        claim: Annotated[str, Field(pattern=r"^CL-\d{6}$", description="Such as CL-400001")],
        account: Annotated[str | None, Field(pattern=r"^<iban:[0-9a-f]{12}>$")] = None,
        step: Annotated[str, Field(pattern=r"^[a-z]{1,9}$")] = "a",
    ) -> str:
        """Pay a claim."""
        return f"{claim}{account}{step}"

    recorder = served({"answer": "x"})
    asked = [SystemMessage("Such as CL-400001"), HumanMessage("CL-400179, not (CL-4001790)")]
    known = ToolMessage("claim CL-400200", tool_call_id="a")
    invented = AIMessage("CL-400333", tool_calls=[{"name": "pay", "args": {}, "id": "a"}])
    LocalChatModel().bind_tools([pay], tool_choice="any").invoke([*asked, invented, known])
    schema = recorder.requests[0]["response_format"]["json_schema"]["schema"]
    for args in ({"claim": "CL-400179"}, {"claim": "CL-400200", "account": None, "step": "coined"}):
        jsonschema.validate({"tool": "pay", "args": args}, schema)
    for args in ({"claim": "CL-400001"}, {"claim": "CL-400333"}, {"claim": "CL-400179", "account": IBAN}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({"tool": "pay", "args": args}, schema)


@pytest.mark.parametrize(
    ("times", "status", "offered"), [(1, "success", 2), (2, "success", 1), (2, "error", 2)]
)
def test_what_was_asked_and_answered_twice_cannot_be_asked_a_third_time(served, times, status, offered):
    recorder = served({"tool": "order", "args": {}})
    calls = [{"name": "cancel", "args": {"number": 3}, "id": str(turn)} for turn in range(times)]
    said = [
        each
        for made in calls
        for each in (
            AIMessage("", tool_calls=[made]),
            ToolMessage("3", tool_call_id=made["id"], status=status),
        )
    ]
    LocalChatModel().bind_tools([order, cancel], tool_choice="any").invoke([HumanMessage("Cancel 3"), *said])
    assert len(recorder.requests[0]["response_format"]["json_schema"]["schema"]["anyOf"]) == offered
    assert "cancel" in recorder.requests[0]["messages"][0]["content"]
