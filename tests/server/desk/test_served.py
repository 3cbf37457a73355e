"""The desk's server as `make dev` starts it: graphs with a description, runs with the stated outcomes."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from evals.desk.inbox import world_of
from evals.expectations import Expectation, deviations, read_manifest
from governance.control import control, use_control
from tests.server.running import ROOT, Server

CONFIG = json.loads((ROOT / "langgraph.json").read_text())
GRAPHS = sorted(CONFIG["graphs"])
INBOX = ROOT / "examples" / "inbox"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    started = Server(tmp_path_factory.mktemp("desk"), CONFIG)
    try:
        yield started.start()
    finally:
        started.kill()


@pytest.fixture
def home(desk: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The server's databases, for reading here what its runs did."""
    monkeypatch.setenv("TOWER_HOME", str(desk.home))
    use_control(None)
    yield desk.home
    control().close()
    use_control(None)


def drive(desk: Server, graph: str, expected: Expectation) -> tuple[str, int]:
    """Send a document to a graph and answer what it asks; the run's id, and how often it asked."""
    content = base64.b64encode((INBOX / expected.file).read_bytes()).decode()
    request: dict[str, Any] = {"messages": [], "documents": [{"name": expected.file, "content": content}]}
    if expected.customer:
        request["customer"] = expected.customer
    with desk.as_("sam") as sam, desk.as_("lena") as lena:
        thread = sam.threads.create()["thread_id"]
        state: Any = sam.runs.wait(thread, graph, input=request)
        asked = 0
        while waiting := state.get("__interrupt__"):
            asked += 1
            assert asked < 5
            said = [{"type": _choice(waiting[0]["value"])}]
            answer = {"approval_id": waiting[0]["value"]["approval_id"], "decisions": said}
            state = lena.runs.wait(thread, graph, command={"resume": answer})
        assert state["outcome"]["status"], state
        return str(sam.runs.list(thread)[0]["metadata"]["tower_run"]), asked


def _choice(request: dict[str, Any]) -> str:
    allowed = request["review_configs"][0]["allowed_decisions"]
    return "approve" if "approve" in allowed else "reject"


def test_every_graph_is_registered_with_what_studio_shows(desk: Server):
    with desk.as_("sam") as sam:
        found = {assistant["graph_id"]: assistant for assistant in sam.assistants.search(limit=100)}
        assert sorted(found) == GRAPHS
        for name, assistant in found.items():
            assert assistant["description"] == CONFIG["graphs"][name]["description"]
            schemas = sam.assistants.get_schemas(assistant["assistant_id"])
            assert {"messages", "documents", "customer"} <= set(schemas["input_schema"]["properties"]), name
            assert {"language", "guidance"} <= set(schemas["context_schema"]["properties"]), name
            assert len(sam.assistants.get_graph(assistant["assistant_id"])["nodes"]) > 2


def test_every_document_ends_over_http_as_its_manifest_states(desk: Server, home: Path):
    documents = read_manifest(INBOX / "manifest.toml")
    with ThreadPoolExecutor(4) as pool:
        ended = list(pool.map(lambda expected: drive(desk, "adaptive", expected), documents))

    async def judge() -> dict[str, list[str]]:
        wrong = {}
        for expected, (run, asked) in zip(documents, ended, strict=True):
            record = await control().record(run)
            wrong[expected.file] = deviations(expected, record, asked, await world_of(run))
        return {file: found for file, found in wrong.items() if found}

    assert asyncio.run(judge()) == {}
    assert max(asked for _, asked in ended) > 0, "no document led to a person"
    assert control().audit.verify().whole
    assert "Blocking" not in desk.log


def test_each_graph_runs_on_its_own(desk: Server, home: Path):
    by_graph = {expected.graph: expected for expected in read_manifest(INBOX / "manifest.toml")}
    assert set(by_graph) | {"adaptive"} == set(GRAPHS)
    with ThreadPoolExecutor(4) as pool:
        ended = list(pool.map(lambda item: drive(desk, *item), by_graph.items()))

    async def statuses() -> list[str | None]:
        return [((await control().record(run)).outcome or {}).get("status") for run, _ in ended]

    assert asyncio.run(statuses()) == [expected.status for expected in by_graph.values()]


def test_streaming_names_the_agent_that_speaks(desk: Server):
    expected = next(e for e in read_manifest(INBOX / "manifest.toml") if e.graph == "handoff")
    content = base64.b64encode((INBOX / expected.file).read_bytes()).decode()
    request = {"messages": [], "documents": [{"name": expected.file, "content": content}]}
    with desk.as_("sam") as sam:
        thread = sam.threads.create()["thread_id"]
        events = sam.runs.stream(thread, "handoff", input=request, stream_mode=["custom"])
        said = [event.data["agent"] for event in events if event.event == "custom"]

    assert "triage" in said
