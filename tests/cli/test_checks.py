"""What doctor says of places, of a model's endpoint, and of who acts."""

from __future__ import annotations

import asyncio
import http.server
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from typer.testing import CliRunner

from cli import people
from cli.checks import BAD, CHECKS, GOOD, Finding, masked
from cli.doctor import show
from cli.main import app
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
        monkeypatch.delenv("TOWER_USER")
        monkeypatch.delenv("TOWER_KEY")
        monkeypatch.setattr(people, "declared", dict)
        with pytest.raises(NotAuthenticated, match="say who acts: --as USER"):
            acts()
