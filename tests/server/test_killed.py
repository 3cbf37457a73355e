"""A server that is killed while people are asked, and a new one that goes on."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.server.conftest import OFFICE
from tests.server.running import Server
from tests.server.test_door import REQUEST, Client, control, refunds, yes


def test_an_answer_after_kill_9_reaches_a_run_that_the_new_server_never_saw(tmp_path: Path):
    """The server's own lists are gone; runs, answers and checkpoints are in our databases."""
    server = Server(tmp_path, OFFICE)
    try:
        server.start()
        thread, interrupt = Client(server, "sam").asks()
        server.kill()
        server.start()
        sam, lena, mia = (Client(server, user) for user in ("sam", "lena", "mia"))

        assert sam.get(f"/threads/{thread}").status_code == 404
        # Nobody else can take the forgotten thread's place, and its checkpoints with it.
        assert mia.post("/threads", thread_id=thread).status_code == 409
        assert mia.run(thread, "small", input=REQUEST, if_not_exists="create").status_code == 403
        assert refunds(server) == 0

        ended = lena.answer(thread, yes(interrupt), if_not_exists="create")

        assert ended.json()["outcome"]["status"] == "completed"
        assert refunds(server) == 1
        assert sam.get(f"/threads/{thread}").json()["metadata"]["owner"] == "sam"
    finally:
        server.kill()


@pytest.mark.slow
def test_threads_older_than_ten_seconds_are_still_listed_after_kill_9(tmp_path: Path):
    server = Server(tmp_path, OFFICE)
    try:
        server.start()
        thread, interrupt = Client(server, "sam").asks()
        server.flush()
        server.kill()
        server.start()

        assert Client(server, "sam").get(f"/threads/{thread}").status_code == 200
        ended = Client(server, "lena").answer(thread, yes(interrupt))

        assert ended.json()["outcome"]["status"] == "completed"
        assert refunds(server) == 1
    finally:
        server.kill()


def test_a_run_that_was_admitted_and_never_begun_goes_on_from_its_stored_request(tmp_path: Path):
    server = Server(tmp_path, OFFICE)
    try:
        server.start()
        sam = Client(server, "sam")
        thread = sam.thread()
        sam.post(f"/threads/{thread}/runs", assistant_id="small", input=REQUEST, after_seconds=3600)
        server.kill()
        server.start()

        again = Client(server, "sam").run(thread, "small", input=None, if_not_exists="create")

        assert again.json()["outcome"]["status"] == "completed"
        assert refunds(server) == 1
        assert control(server, "SELECT state FROM runs") == [("ended",)]
    finally:
        server.kill()


def test_a_control_database_that_can_not_be_opened_lets_nobody_in(tmp_path: Path):
    server = Server(tmp_path, OFFICE, env={"TOWER_CONTROL_URL": "sqlite:////dev/null/control.db"})
    try:
        server.start(works=False)

        refused = httpx.post(f"{server.url}/threads", headers={"x-api-key": "sam.x"}, json={}, timeout=30)

        assert refused.status_code == 403
        assert "tower doctor" in refused.json()["detail"]
        assert "/dev/null" not in refused.text
        ready = httpx.get(f"{server.url}/ready", timeout=30)
        assert (ready.status_code, ready.text) == (503, '{"ready":false}')
        assert "/dev/null" in server.log
    finally:
        server.kill()
