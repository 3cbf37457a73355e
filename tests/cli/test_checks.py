"""What doctor says of places, of a model's endpoint, and of who acts."""

from __future__ import annotations

import asyncio
import http.server
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from typer.testing import CliRunner

from cli import people
from cli.checks import BAD, CHECKS, GOOD, Finding, checks, masked
from cli.doctor import _look, show
from cli.main import _paragraph, app
from cli.people import AUDIT, WORK
from cli.session import authenticated
from governance.errors import NotAuthenticated
from governance.identity import Identity
from governance.settings import Settings
from governance.store import ControlStore

LONG = (
    "postgresql://somebody:se%40c@db.example.internal:5432/tower_production?options=-csearch_path%3Dtower_12"
)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (LONG, LONG.replace(":se%40c@", ":***@")),
        (
            "postgresql://u@h/db?sslmode=require&password=x&a=b",
            "postgresql://u@h/db?sslmode=require&password=***&a=b",
        ),
        ("sqlite:////a/folder/control.db", "sqlite:////a/folder/control.db"),
    ],
)
def test_a_place_is_shown_whole_but_for_its_password(url: str, shown: str, capsys):
    show([Finding("control", GOOD, masked(url))])

    assert shown in "".join(
        line.strip().removeprefix("✓  control  ") for line in capsys.readouterr().out.splitlines()
    )


@contextmanager
def endpoint(status: int) -> Iterator[str]:
    """A model's server on loopback that answers everything so."""

    class Answering(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()

        do_HEAD = do_GET  # noqa: N815 - the library calls it so

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Answering) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/v1"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("status", "state", "todo"),
    [
        (200, GOOD, ""),
        (404, GOOD, ""),
        (401, BAD, "mend OPENAI_API_KEY"),
        (503, BAD, "see that server's own log"),
    ],
)
def test_a_models_endpoint_is_asked(monkeypatch: pytest.MonkeyPatch, status: int, state: str, todo: str):
    with endpoint(status) as url:
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        found = asyncio.run(CHECKS["model"]())

    assert (found.state, found.todo) == (state, todo)
    assert url in found.detail


def test_a_models_endpoint_that_is_away_is_missing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")

    found = asyncio.run(CHECKS["model"]())

    assert found.state == BAD
    assert "doesn't answer" in found.detail
    assert "start that server" in found.todo


@pytest.mark.parametrize(
    ("status", "state", "said"),
    [
        (405, GOOD, "answers at http://127.0.0.1"),
        (401, BAD, "set TOWER_BILLING_KEY"),
        (503, BAD, "failed (503)"),
        (None, BAD, "start it, or correct TOWER_BILLING_URL"),
    ],
)
def test_each_other_system_has_a_line(
    monkeypatch: pytest.MonkeyPatch, status: int | None, state: str, said: str
):
    with endpoint(status or 200) as url:
        monkeypatch.setenv("TOWER_BILLING_URL", url if status else "http://127.0.0.1:9/mcp")
        found = [asyncio.run(_look(name, checks()[name])) for name in ("billing", "history")]

    assert [f.state for f in found] == [state, GOOD]
    assert said in found[0].detail
    assert "TOWER_HISTORY_URL is not set" in found[1].detail


def test_a_full_disk_is_missing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9, 60_000))

    found = asyncio.run(CHECKS["home"]())

    assert (found.state, found.todo.split(",")[0]) == (BAD, "make room there")
    assert "make room" in _paragraph(sqlite3.OperationalError("disk I/O error"))


@pytest.mark.parametrize(
    ("command", "who"),
    [(["run"], "sam"), (["doctor"], "otto"), (["budget"], "otto"), (["audit", "show"], "aris")],
)
def test_help_says_who_acts_where_nobody_is_named(command: list[str], who: str):
    assert f"TOWER_USER ({who})" in " ".join(CliRunner().invoke(app, [*command, "--help"]).output.split())


def test_who_acts_is_named_by_option_then_key_then_variable_then_users_toml(monkeypatch: pytest.MonkeyPatch):
    settings = Settings.from_env()
    with closing(ControlStore(settings.url("control"))) as store:
        identity = Identity(settings, store)

        def acts(named: str | None = None, about: str = WORK) -> str:
            return asyncio.run(authenticated(identity, named, about)).id

        assert (acts(), acts(about=AUDIT), acts("lena")) == ("sam", "aris", "lena")
        monkeypatch.setenv("TOWER_USER", "hanna")
        assert (acts(), acts(about=AUDIT), acts("lena")) == ("hanna", "hanna", "lena")
        monkeypatch.setenv("TOWER_KEY", identity.key_for("mia"))
        assert acts() == "mia"
        monkeypatch.setenv("TOWER_KEY", "mia.wrong")
        with pytest.raises(NotAuthenticated, match="TOWER_KEY is not lena's key"):
            acts("lena")
        monkeypatch.delenv("TOWER_USER")
        monkeypatch.delenv("TOWER_KEY")
        monkeypatch.setattr(people, "declared", dict)
        with pytest.raises(NotAuthenticated, match="say who acts: --as USER"):
            acts()
