"""A run that is cancelled over HTTP is over in the control plane as well; SIGTERM loses nothing."""

from __future__ import annotations

import json
import signal
import sqlite3
import time
from pathlib import Path
from typing import Any, Self

import httpx
import pytest

from tests.server.conftest import OFFICE
from tests.server.running import Server
from tests.server.test_door import REQUEST, Client, control, refunds


def run_on(server: Server, thread: str) -> tuple[str, str, str]:
    """Our run on a thread: its id, its state, its outcome."""
    (row,) = control(server, "SELECT id, state, outcome FROM runs WHERE thread_id = ?", thread)
    return row


def begin(client: Client, thread: str, graph: str = "small") -> str:
    found = client.post(f"/threads/{thread}/runs", assistant_id=graph, input=REQUEST)
    return str(found.json()["run_id"])


class Held:
    """The ledger is locked by somebody else, so that a refund has begun and can't end."""

    def __init__(self, server: Server) -> None:
        self.server = server
        refunds(server)
        self.db = sqlite3.connect(server.home / "ledger.db", check_same_thread=False)

    def __enter__(self) -> Self:
        self.db.execute("BEGIN IMMEDIATE")
        return self

    def __exit__(self, *_: object) -> None:
        self.db.close()

    def wait(self, run: str) -> None:
        """Until the run's refund has begun."""
        sql = "SELECT state FROM journal WHERE run = ? AND action = 'refund'"
        while not control(self.server, sql, run):
            time.sleep(0.02)


def ids(server: Server, thread: str) -> str:
    while not (rows := control(server, "SELECT id FROM runs WHERE thread_id = ?", thread)):
        time.sleep(0.02)
    return str(rows[0][0])


def until(server: Server, sql: str, *params: Any) -> None:
    while not control(server, sql, *params):
        time.sleep(0.02)


def test_a_waiting_run_is_cancelled_with_its_question(server: Server):
    sam, lena = Client(server, "sam"), Client(server, "lena")
    thread, interrupt = sam.asks()
    (served,) = sam.get(f"/threads/{thread}/runs").json()

    sam.post(f"/threads/{thread}/runs/{served['run_id']}/cancel")

    run, state, outcome = run_on(server, thread)
    assert state == "ended"
    assert '"cancelled"' in outcome
    approval = interrupt["value"]["approval_id"]
    assert control(server, "SELECT state FROM approvals WHERE id = ?", approval) == [("void",)]
    answer = {"approval_id": approval, "decisions": [{"type": "approve"}]}
    assert lena.answer(thread, answer).status_code >= 400
    kinds = [row[0] for row in control(server, "SELECT kind FROM audit WHERE run = ? ORDER BY seq", run)]
    assert kinds[-1] == "run_ended"


@pytest.mark.parametrize(("user", "code"), [("mia", 404), ("lena", 403)])
def test_who_may_not_cancel_does_not(server: Server, user: str, code: int):
    sam = Client(server, "sam")
    thread, _ = sam.asks()
    (served,) = sam.get(f"/threads/{thread}/runs").json()

    refused = Client(server, user).post(f"/threads/{thread}/runs/{served['run_id']}/cancel")

    assert refused.status_code == code
    assert run_on(server, thread)[1] == "waiting"


def test_runs_of_many_threads_are_not_cancelled_at_once(server: Server):
    assert Client(server, "sam").post("/runs/cancel", status="all").status_code == 422


def test_an_effect_that_began_ends_and_is_recorded_though_its_run_is_cancelled(server: Server):
    sam = Client(server, "sam")
    thread, before = sam.thread(), refunds(server)
    with Held(server) as held:
        served = begin(sam, thread)
        run = ids(server, thread)
        held.wait(run)
        assert sam.post(f"/threads/{thread}/runs/{served}/cancel").status_code < 300
        assert run_on(server, thread)[1] == "ended"

    until(server, "SELECT 1 FROM audit WHERE run = ? AND kind = 'settled' AND action = 'refund'", run)
    assert refunds(server) == before + 1
    assert '"cancelled"' in run_on(server, thread)[2]


def test_sigterm_lets_the_step_in_flight_end_and_a_new_server_goes_on(tmp_path: Path):
    server = Server(tmp_path, OFFICE)
    try:
        server.start()
        sam = Client(server, "sam")
        thread = sam.thread()
        with Held(server) as held:
            begin(sam, thread)
            run = ids(server, thread)
            held.wait(run)
            for _ in range(3):
                httpx.post(f"{server.url}/threads", headers={"x-api-key": "sam.wrong"}, json={})
            assert server.process
            server.process.send_signal(signal.SIGTERM)
            time.sleep(1)  # it is on its way out, and still holds the effect
            assert server.process.poll() is None
        server.process.wait(20)

        state = "SELECT state FROM journal WHERE run = ? AND action = 'refund'"
        assert control(server, state, run) == [("done",)]
        assert refunds(server) == 1
        # One as the server was started, and these three, of which the log had not heard when it ended.
        told = control(server, "SELECT body FROM audit WHERE kind = 'keys_refused' ORDER BY seq")
        assert [json.loads(body)["count"] for (body,) in told] == [1, 3]
        server.start()
        again = Client(server, "sam").run(thread, "small", input=None, if_not_exists="create")
        # Where the steps after it were still done on the way out, nothing is left to go on with.
        done = again.status_code == 409 and "no run of yours to go on with" in again.text
        assert done or again.json()["outcome"]["status"] == "completed", again.text
        _, stands, outcome = run_on(server, thread)
        assert (stands, json.loads(outcome)["status"]) == ("ended", "completed")
        assert refunds(server) == 1
    finally:
        server.kill()
