"""Scenario 39: what is in doubt is listed and settled over HTTP, by whom the command line lets as well."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from governance.identity import Identity
from graphs import http_effects
from tests.scenarios.conftest import Office, Run
from tests.scenarios.test_s38_s40_effects import ORDER, Flaky, started

pytestmark = pytest.mark.scenario(39)


class Doubt:
    """A run of ann's that waits for somebody's word, and people with keys."""

    def __init__(self, desk: Office, run: Run) -> None:
        self.desk, self.run, self.key = desk, run, run.waiting[0]["effect"]
        self.people = Identity(desk.plane.settings, desk.plane.store)

    async def ask(self, user: str = "", **word: Any) -> httpx.Response:
        key = await asyncio.to_thread(self.people.key_for, user) if user else "wrong"
        transport = httpx.ASGITransport(Starlette(routes=http_effects.ROUTES))
        async with httpx.AsyncClient(transport=transport, base_url="http://tower") as client:
            shown = {"Authorization": f"Bearer {key}"}
            if word:
                return await client.post("/effects", headers=shown, json=word)
            return await client.get("/effects", headers=shown)

    async def says(self, user: str, **more: Any) -> httpx.Response:
        word = {"key": self.key, "happened": True, "reason": "in the ledger", "result": ORDER}
        return await self.ask(user, **word | more)


@pytest.fixture
async def doubt(desk: Office, monkeypatch: pytest.MonkeyPatch) -> Doubt:
    flaky = Flaky(1, idempotent=False)
    domain = SimpleNamespace(tools={"refund": flaky.tool})
    monkeypatch.setattr(http_effects, "domain", lambda: domain)
    return Doubt(desk, await started(desk, flaky))


async def test_what_a_person_says_is_what_the_run_goes_on_with(doubt):
    (listed,) = (await doubt.ask("otto")).json()
    assert (listed["key"], listed["state"]) == (doubt.key, "unknown")
    assert "worker" not in listed, "which host and process it was is nobody's affair out there"

    said = await doubt.says("lena", reason="as ann@example.org wrote")

    assert (said.status_code, said.json()["state"]) == (200, "done")
    assert (await doubt.ask("otto")).json() == []
    await doubt.run.resume()
    assert doubt.run.outcome["status"] == "completed"
    assert len(doubt.desk.refunds()) == 1
    (entry,) = doubt.run.entries("resolved")
    assert entry["user_id"] == "lena"
    assert "ann@example.org" not in str(entry)


@pytest.mark.parametrize(
    ("user", "status"),
    [("", 401), ("mia", 422), ("noah", 422), ("hanna", 403), ("sam", 403), ("aris", 403)],
)
async def test_nobody_else_may(doubt, user, status):
    assert (await doubt.says(user)).status_code == status
    may_read = user in {"sam", "aris"}
    assert (doubt.key in (await doubt.ask(user)).text) == may_read, "who may read the run sees it"
    assert (await doubt.desk.plane.effect(doubt.key)).state == "unknown"


@pytest.mark.parametrize(
    "more",
    [
        {"result": {"order": 1}},
        {"reason": " "},
        {"happened": "perhaps"},
        {"key": "run-1/x"},
        {"by": "lars"},
        {"reason": "x" * 2_001},
    ],
)
async def test_what_can_not_be_used_changes_nothing(doubt, more):
    refused = await doubt.says("lena", **more)

    assert refused.status_code == 422
    assert refused.json()["detail"]
    assert (await doubt.desk.plane.effect(doubt.key)).state == "unknown"


async def test_of_two_words_at_once_one_counts(doubt):
    answers = await asyncio.gather(doubt.says("lena"), doubt.says("lena", happened=False))

    assert sorted(answer.status_code for answer in answers) == [200, 422]
    assert len(doubt.run.entries("resolved")) == 1
