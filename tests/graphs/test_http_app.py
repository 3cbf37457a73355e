"""Readiness: whoever balances load hears whether this server could act, and nothing else."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from governance.store import ControlStore
from graphs import http_app


async def asked() -> httpx.Response:
    transport = httpx.ASGITransport(http_app.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://tower") as client:
        return await client.get("/ready")


def test_a_control_store_that_does_not_answer_in_time_is_not_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    store = ControlStore(f"sqlite:///{tmp_path / 'control.db'}")
    monkeypatch.setattr(http_app, "control", lambda: SimpleNamespace(store=store))
    monkeypatch.setattr(http_app, "READY_WITHIN", 0.3)

    async def work() -> None:
        assert (await asked()).json() == {"ready": True}
        answers = threading.Event()
        busy = [asyncio.create_task(store.read(lambda _tx: answers.wait(10))) for _ in range(2)]
        await asyncio.sleep(0)
        late = await asked()
        assert (late.status_code, late.json()) == (503, {"ready": False})
        answers.set()
        await asyncio.gather(*busy)
        assert (await asked()).status_code == 200

    asyncio.run(work())
    store.close()
