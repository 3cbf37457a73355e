"""The desk's server as `make dev` starts it: graphs with a description, runs with the stated outcomes."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from httpx import HTTPStatusError

from evals.desk.inbox import world_of
from evals.expectations import Expectation, deviations, read_manifest
from governance.control import control, use_control
from governance.outcome import Status
from governance.verify import verify
from graphs.desk.domain import DOMAIN
from tests.server.running import ROOT, Server

CONFIG = json.loads((ROOT / "langgraph.json").read_text())
GRAPHS = sorted(CONFIG["graphs"])
INBOX = ROOT / "examples" / "inbox"
BY_FILE = {expected.file: expected for expected in read_manifest(INBOX / "manifest.toml")}
DOCUMENTS = {
    "adaptive": "03-lapsed-policy.txt",
    "direct": "04-wording-question.eml",
    "sequential": "01-plain-claim.eml",
    "supervisor": "06-hostile.eml",  # a claim is paid once, and the large one is the page's
    "handoff": "05-service-complaint.json",
    "single": "05-service-complaint.json",
}


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
        assert sorted(found) == GRAPHS == sorted(DOMAIN.graphs)
        for name, assistant in found.items():
            assert assistant["description"] == CONFIG["graphs"][name]["description"]
            schemas = sam.assistants.get_schemas(assistant["assistant_id"])
            form = schemas["input_schema"]
            assert {"messages", "documents", "customer"} <= set(form["properties"]), name
            explained = form["properties"]["customer"], form["$defs"]["Upload"]["properties"]["content"]
            assert all(field["description"] for field in explained), name
            assert {"language", "guidance"} <= set(schemas["context_schema"]["properties"]), name
            assert len(sam.assistants.get_graph(assistant["assistant_id"])["nodes"]) > 2


@pytest.mark.parametrize("graph", ["adaptive", "direct", "sequential"])
def test_a_document_ends_over_http_as_its_manifest_states(desk: Server, home: Path, graph: str):
    expected = BY_FILE[DOCUMENTS[graph]]

    run, asked = drive(desk, graph, expected)

    async def judge() -> list[str]:
        return deviations(expected, await control().record(run), asked, await world_of(run))

    assert asyncio.run(judge()) == []
    assert verify(control().audit).whole


@pytest.mark.parametrize("graph", ["handoff", "single", "supervisor"])
def test_a_conversation_ends_in_a_typed_outcome(desk: Server, home: Path, graph: str):
    """What it must come to is judged in the demo, which gets there through the front door."""
    run, _ = drive(desk, graph, BY_FILE[DOCUMENTS[graph]])

    record = asyncio.run(control().record(run))

    assert record.state == "ended"
    assert record.outcome
    assert Status(record.outcome["status"])
    assert record.outcome["usage"]["model_calls"] > 0


def test_a_divided_team_is_settled_by_a_person_over_http(desk: Server):
    request = {
        "messages": [{"role": "user", "content": "Please assess claim CL-400004"}],
        "customer": "C-10014",
    }
    with desk.as_("sam") as sam, desk.as_("lena") as lena:
        thread = sam.threads.create()["thread_id"]
        events = sam.runs.stream(thread, "concurrent", input=request, stream_mode=["custom"])
        said = {event.data["agent"] for event in events if event.event == "custom"}
        assert said == {"coverage", "fraud", "cost", "history", "senior_adjuster"}
        waiting = sam.threads.get_state(thread)["interrupts"][0]["value"]
        answer = {"approval_id": waiting["approval_id"], "decisions": [{"type": "approve"}]}
        state: Any = lena.runs.wait(thread, "concurrent", command={"resume": answer})

    assert state["outcome"]["status"] == "completed"
    assert state["outcome"]["result"]["settled_by"] == "claims-lead lena"
    assert [each["branch"] for each in state["outcome"]["dissent"]] == ["fraud", "cost"]


def test_a_plan_is_reviewed_over_http_and_its_number_delivered(desk: Server):
    words = "How many water damage claims were opened in each month of 2026?"
    with desk.as_("sam") as sam, desk.as_("lena") as lena:
        thread = sam.threads.create()["thread_id"]
        request = {"messages": [{"role": "user", "content": words}]}
        state: Any = sam.runs.wait(thread, "magentic", input=request)
        waiting = state["__interrupt__"][0]["value"]
        assert "outcome" not in state, "nothing runs before somebody has looked"
        answer = {"approval_id": waiting["approval_id"], "decisions": [{"type": "approve"}]}
        state = lena.runs.wait(thread, "magentic", command={"resume": answer})

    assert state["outcome"]["status"] == "completed"
    assert "2026-03 18" in state["outcome"]["answer"]
    assert Path(state["outcome"]["result"]["plot"]).parent == desk.home / "reports"


def test_a_letter_is_drafted_checked_and_revised_over_http(desk: Server):
    words = (
        "Write to the customer about claim CL-400012. We are sorry about the fire in your home. "
        "We guarantee that we will pay it all."
    )
    request = {"messages": [{"role": "user", "content": words}], "customer": "C-10023"}
    with desk.as_("sam") as sam:
        thread = sam.threads.create()["thread_id"]
        events = sam.runs.stream(thread, "group_chat", input=request, stream_mode=["custom", "values"])
        seen = list(events)
    spoke = [event.data["agent"] for event in seen if event.event == "custom"]
    assert spoke.count("letter_compliance") == spoke.count("tone") == 2
    outcome: Any = seen[-1].data["outcome"]
    assert outcome["status"] == "completed"
    assert "guarantee" not in outcome["answer"]
    assert {finding["state"] for finding in outcome["result"]["findings"]} == {"resolved"}


def test_a_further_request_on_a_thread_goes_to_whoever_answered_the_last(desk: Server, home: Path):
    def asking(words: str, customer: str = "C-10005") -> dict[str, Any]:
        return {"messages": [{"role": "user", "content": words}], "customer": customer}

    with desk.as_("sam") as sam:
        thread = sam.threads.create()["thread_id"]
        first: Any = sam.runs.wait(thread, "handoff", input=asking("I was charged twice for a premium."))
        second: Any = sam.runs.wait(thread, "handoff", input=asking("And which invoices are open?"))
        with pytest.raises(HTTPStatusError, match="422"):
            sam.runs.wait(thread, "handoff", input=asking("And mine?", "C-10001"))
        with pytest.raises(HTTPStatusError, match="409"):
            sam.runs.wait(thread, "single", input=asking("And this?"))
        runs = [run["metadata"]["tower_run"] for run in sam.runs.list(thread)]

    assert [state["outcome"]["status"] for state in (first, second)] == ["completed"] * 2
    assert len(set(runs)) == len(runs) == 2
    used = second["outcome"]["usage"]["agents"]
    assert set(used) == {"billing"}, "triage isn't asked again"
    said = [message["content"] for message in second["messages"] if message["type"] == "human"]
    assert len(said) == 2


def test_streaming_names_the_agent_that_speaks(desk: Server):
    expected = BY_FILE[DOCUMENTS["handoff"]]
    content = base64.b64encode((INBOX / expected.file).read_bytes()).decode()
    request = {"messages": [], "documents": [{"name": expected.file, "content": content}]}
    with desk.as_("sam") as sam:
        thread = sam.threads.create()["thread_id"]
        events = sam.runs.stream(thread, "handoff", input=request, stream_mode=["custom"])
        said = [event.data["agent"] for event in events if event.event == "custom"]

    assert "triage" in said


def test_nothing_blocked_the_event_loop(desk: Server):
    assert "BlockingError" not in desk.log
    assert "Blocking call" not in desk.log


def page(desk: Server, folder: Path, language: str) -> str:
    """Run all the page's commands of a language in a folder like the checkout's; what they print."""
    blocks = re.findall(rf"```{language}\n(.*?)```", (ROOT / "docs" / "http.md").read_text(), re.DOTALL)
    (folder / ".tower").symlink_to(desk.home)
    (folder / "examples").symlink_to(ROOT / "examples")
    script = "\n".join(blocks).replace("http://127.0.0.1:2024", desk.url)
    ran = subprocess.run(
        [sys.executable if language == "python" else "sh", "-c", script],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.mark.skipif(not shutil.which("curl"), reason="no curl on this machine")
def test_the_pages_shell_command_works(desk: Server, tmp_path: Path):
    assert page(desk, tmp_path, "sh").startswith("[")


def test_the_page_takes_a_large_claim_through_a_persons_yes(desk: Server, home: Path, tmp_path: Path):
    said = page(desk, tmp_path, "python")

    assert "completed CL-" in said
    assert "pay_claim" in said

    async def judge() -> list[str]:
        (record,) = [r for r in await control().runs(tenant="harbor") if r.run.subject == "C-10002"]
        return deviations(BY_FILE["02-large-claim.pdf"], record, 1, await world_of(record.run.id))

    # The page vouches for the customer itself; the manifest's post room doesn't show in the world.
    assert asyncio.run(judge()) == []
