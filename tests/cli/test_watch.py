"""`tower watch`: each document is handled once, whatever dies on the way; nothing is lost; deadlines pass."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.conftest import Tower
from tests.forking import Forked, Forker

ROOT = Path(__file__).parent.parent.parent
FLAGS = ("--graph", "sequential", "--vouched", "post-room", "--every", "0.1")
SMALL, LARGE = "Refund T-001, price 4000.", "Refund T-002, price 90000."


@pytest.fixture
def office(tmp_path: Path, forker: Forker) -> Tower:
    return Tower(tmp_path / "home", forker, {"TOWER_DOMAIN": "tests.cli.watched"})


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


def once(office: Tower, inbox: Path) -> str:
    done = office("watch", str(inbox), "--once", *FLAGS)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def begin(office: Tower, inbox: Path) -> Forked:
    return office.forker.start(["watch", str(inbox), *FLAGS], office.environment, ROOT)


def runs(office: Tower, state: str = "%") -> int:
    return office.count("SELECT count(*) FROM runs WHERE state LIKE ?", state)


def refunds(office: Tower) -> int:
    try:
        return office.count("SELECT count(*) FROM refunds", store="ledger")
    except sqlite3.OperationalError:  # no table, so nothing was ever paid
        return 0


def test_each_document_starts_one_run(office: Tower, inbox: Path):
    (inbox / "ann__a.txt").write_text(SMALL)
    (inbox / "ann__b.txt").write_text(LARGE)
    (inbox / ".hidden").write_text(SMALL)
    (inbox / "ann__c.txt.part").write_text(SMALL)
    once(office, inbox)
    assert (runs(office), runs(office, "ended"), runs(office, "waiting")) == (2, 1, 1)
    assert sorted(path.name for path in (inbox / "done").iterdir()) == ["ann__a.txt", "ann__b.txt"]

    (inbox / "ann__a.txt").write_text(SMALL)
    once(office, inbox)
    assert runs(office) == 2, "the same document under the same name is the same event"

    (inbox / "ann__z.txt").write_text(SMALL)
    once(office, inbox)
    assert runs(office) == 3, "under another name it is another letter"
    assert office.count("SELECT count(*) FROM audit WHERE kind = 'event'") == 3
    assert {path.name for path in (inbox / "done").iterdir()} >= {"ann__a.txt", "ann__a-2.txt"}
    assert office("audit", "verify").returncode == 0


def test_what_cannot_be_used_is_moved_aside_with_the_reason(office: Tower, inbox: Path, tmp_path: Path):
    (tmp_path / "secret").write_text("root:x:0:0")
    (inbox / "John Smith.pdf").write_bytes(b"%PDF-1.7 broken")
    (inbox / "nobody__a.txt").write_text(SMALL)
    (inbox / "link.txt").symlink_to(tmp_path / "secret")
    hostile = os.fsdecode(b"\xff\x1b[31m[red]\n.pdf")
    (inbox / hostile).write_bytes(b"%PDF-1.7 broken")
    with (inbox / "large.txt").open("wb") as large:
        large.truncate(100_000_000)

    said = once(office, inbox)

    refused = {
        path.name for path in (inbox / "refused").iterdir() if path.suffix != ".txt" or "why" not in path.name
    }
    assert refused == {"John Smith.pdf", "nobody__a.txt", "link.txt", "large.txt", hostile}
    assert "\x1b" not in said
    assert "no customer nobody" in (inbox / "refused" / "nobody__a.txt.why.txt").read_text()
    assert "is a link" in said
    assert runs(office) == 0
    assert office.count("SELECT count(*) FROM audit WHERE kind = 'event_refused'") == 5
    assert office.count("SELECT count(*) FROM audit WHERE body LIKE '%Smith%'") == 0


def test_killed_wherever_it_is_handled_once(office: Tower, inbox: Path):
    (inbox / "ann__a.txt").write_text(SMALL)
    for entries in (1, 6, 12):
        process = begin(office, inbox)
        while process.poll() is None and _entries(office) < entries:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.communicate()

    once(office, inbox)

    assert (runs(office), runs(office, "ended"), refunds(office)) == (1, 1, 1)
    assert office.count("SELECT count(*) FROM audit WHERE kind = 'event'") == 1
    assert [path.name for path in (inbox / "done").iterdir()] == ["ann__a.txt"]


def _entries(office: Tower) -> int:
    try:
        return office.count("SELECT count(*) FROM audit")
    except sqlite3.OperationalError:
        return 0


def test_two_watchers_handle_it_once(office: Tower, inbox: Path, tmp_path: Path):
    other = tmp_path / "copy of the inbox"
    other.mkdir()
    for folder in (inbox, other):
        (folder / "ann__a.txt").write_text(SMALL)

    watchers = [begin(office, folder) for folder in (inbox, inbox, other)]
    said: list[str] = []
    readers = [threading.Thread(target=said.extend, args=[watcher.stdout]) for watcher in watchers]
    for reader in readers:
        reader.start()
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and (
        list(inbox.glob("*.txt")) + list(other.glob("*.txt"))
        or not any("Another watcher" in text for text in said)
    ):
        time.sleep(0.05)
    errors = []
    for watcher, reader in zip(watchers, readers, strict=True):
        watcher.send_signal(signal.SIGKILL)
        reader.join()
        errors.append(watcher.communicate()[1])

    assert errors == ["", "", ""]
    assert (runs(office), refunds(office)) == (1, 1)
    assert sum("Another watcher" in text for text in said) == 1


def test_a_document_is_taken_once_it_is_whole(office: Tower, inbox: Path):
    path = inbox / "ann__a.txt"
    path.write_text("Refund ")
    watcher = begin(office, inbox)
    for _ in range(40):
        with path.open("a") as file:
            file.write("please ")
        time.sleep(0.05)
    assert _runs_so_far(office) == 0
    with path.open("a") as file:
        file.write("T-001, price 4000.")
    while path.exists():
        time.sleep(0.05)
    watcher.send_signal(signal.SIGKILL)
    watcher.communicate()

    assert (runs(office), refunds(office)) == (1, 1)
    assert office.count("SELECT count(*) FROM runs WHERE input LIKE '%price 4000%'") == 1


def _runs_so_far(office: Tower) -> int:
    try:
        return runs(office)
    except sqlite3.OperationalError:
        return 0


def test_a_run_that_waits_for_a_document_goes_on_with_it(office: Tower, inbox: Path):
    (inbox / "ann__a.txt").write_text("Refund T-001, price 4444.")
    once(office, inbox)
    (asked,) = office.json("approvals")
    assert "T-001 cost 4000" in asked["description"]
    run = asked["run"]

    (inbox / "bob__re.txt").write_text(f"To {run}: T-001, price 4000.")
    (inbox / "unsigned.txt").write_text(f"To {run}: T-001, price 4000.")
    once(office, inbox)
    assert runs(office, "waiting") >= 1, "what somebody else sends wakes nothing"
    assert office.json("show", run, "--as", "sam")["state"] == "waiting"

    (inbox / "ann__re.txt").write_text(f"To {run}: the bill of ann.smith@example.org, price 4000.")
    once(office, inbox)

    shown = office.json("show", run)
    assert shown["status"] == "completed"
    assert [e["body"]["did"] for e in shown["entries"] if e["kind"] == "event"] == ["opened", "woke"]
    assert office.count("SELECT amount FROM refunds WHERE key LIKE ?", f"{run}/%", store="ledger") == 4000
    late = office("approve", asked["id"], "--as", "lena")
    assert late.returncode != 0
    assert "a document arrived" in " ".join(late.stderr.split())
    assert b"ann.smith" not in (office.home / "control.db").read_bytes(), "what arrives is masked too"


def test_a_deadline_that_passes_ends_what_waits(office: Tower, inbox: Path):
    (inbox / "ann__b.txt").write_text(LARGE)
    once(office, inbox)
    assert runs(office, "waiting") == 1
    with closing(sqlite3.connect(office.home / "control.db")) as db, db:
        db.execute("UPDATE approvals SET expires = '2020-01-01T00:00:00.000000Z'")

    assert "rejected" in once(office, inbox)
    once(office, inbox)

    assert (runs(office, "ended"), refunds(office)) == (1, 0)
    woken = office.count("SELECT count(*) FROM audit WHERE kind = 'event' AND body LIKE '%deadline%'")
    assert woken == 1
    (run,) = office.json("runs")
    assert "nobody answered" in json.dumps(run["outcome"])
