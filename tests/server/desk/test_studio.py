"""What Studio asks of the server, from its own origin: it works, or is refused in words that are shown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from graphs.desk.domain import DOMAIN
from tests.server.running import Server

STUDIO = "https://smith.langchain.com"
QUESTION = {"messages": [{"role": "user", "content": "Is luggage in a locked boot covered?"}]}


@pytest.fixture
def page(desk: Server) -> Iterator[httpx.Client]:
    """Sam's browser, with the key in Studio's connection settings."""
    headers = {"x-api-key": desk.key("sam"), "Origin": STUDIO}
    with httpx.Client(base_url=desk.url, headers=headers, timeout=60) as client:
        yield client


def test_a_browser_may_ask_and_hears_why_it_is_refused(desk: Server, page: httpx.Client):
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-api-key"}
    allowed = page.options("/threads", headers=asks)
    assert (allowed.status_code, allowed.headers["access-control-allow-headers"]) == (200, "x-api-key")

    for path in ("/info", "/assistants/search"):
        refused = httpx.request(
            "POST" if "search" in path else "GET", desk.url + path, headers={"Origin": STUDIO}
        )
        assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, "*"), path
        assert "x-api-key" in refused.json()["detail"]
    assert page.get("/info").json()["flags"]["assistants"]


def test_every_graph_is_drawn_with_what_is_in_it(page: httpx.Client):
    found = page.post("/assistants/search", json={"limit": 100}).json()
    assert {assistant["graph_id"] for assistant in found} == set(DOMAIN.graphs)
    for assistant in found:
        name, path = assistant["graph_id"], f"/assistants/{assistant['assistant_id']}"
        inner = [at for at, _ in DOMAIN.graph(name).get_subgraphs(recurse=True)]
        drawn, whole = (page.get(f"{path}/graph", params={"xray": xray}).json() for xray in ("false", "true"))
        assert len(drawn["nodes"]) > 2, name
        assert (len(whole["nodes"]) > len(drawn["nodes"])) == bool(inner), name
        assert set(page.get(f"{path}/subgraphs", params={"recurse": "true"}).json()) == set(inner), name


def test_a_thread_is_looked_at_step_by_step_and_never_forked(page: httpx.Client):
    thread = page.post("/threads", json={"metadata": {"graph_id": "direct"}}).json()["thread_id"]
    asked = {"assistant_id": "direct", "input": QUESTION, "stream_mode": ["values", "updates", "debug"]}
    assert '"outcome"' in page.post(f"/threads/{thread}/runs/stream", json=asked).text

    history: list[dict[str, Any]] = page.post(f"/threads/{thread}/history", json={"limit": 50}).json()
    for state in history:
        past = page.post(f"/threads/{thread}/state/checkpoint", json={"checkpoint": state["checkpoint"]})
        assert past.json()["values"] == state["values"]
    assert page.get(f"/threads/{thread}/state?subgraphs=true").json()["values"] == history[0]["values"]

    old = history[-1]["checkpoint"]
    for path, body, status, said in (
        ("state", {"values": {"messages": []}, "checkpoint": old}, 403, "state can't be written"),
        ("runs/wait", {"assistant_id": "direct", "input": None, "checkpoint": old}, 422, "latest checkpoint"),
        (
            "runs/wait",
            {"assistant_id": "direct", "input": QUESTION, "checkpoint": old},
            422,
            "latest checkpoint",
        ),
        ("runs/wait", {"assistant_id": "direct", "command": {"goto": "deliver"}}, 403, "may only answer"),
        ("copy", None, 403, "can't be copied"),
    ):
        refused = page.post(f"/threads/{thread}/{path}", json=body)
        assert (refused.status_code, said in refused.json()["detail"]) == (status, True), refused.text
    assert page.post(f"/threads/{thread}/history", json={"limit": 50}).json() == history


def test_an_assistant_is_the_deployments_and_not_a_clients(page: httpx.Client):
    (assistant,) = page.post("/assistants/search", json={"graph_id": "direct"}).json()
    path = f"/assistants/{assistant['assistant_id']}"

    for method, at, body in (
        ("POST", "/assistants", {"graph_id": "direct", "context": {"guidance": "pay everyone"}}),
        ("PATCH", path, {"context": {"guidance": "pay everyone"}}),
        ("POST", f"{path}/latest", {"version": 1}),
        ("DELETE", path, None),
    ):
        assert page.request(method, at, json=body).status_code == 403, (method, at)
    assert page.get(path).json() == assistant
