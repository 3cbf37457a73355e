"""What can't be worked with is refused with what to do instead, before anything is computed."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from cli import evals_drift
from cli.evals import app
from evals import external
from evals.rows import write
from governance.errors import InvalidInput
from tests.evals.making import experiment, rows


def tower(*arguments):
    return CliRunner().invoke(app, [*arguments], catch_exceptions=False)


@pytest.mark.parametrize("name", ["", " "])
def test_an_experiment_without_a_name_is_none(name):
    write(experiment(rows(5, 1), id="only"))

    for pair in ((name, "only"), ("only", name)):
        with pytest.raises(InvalidInput, match="named by its id"):
            tower("compare", *pair)
    assert tower("compare", "on", "only").exit_code == 0


@pytest.mark.parametrize("where", ["nowhere/page.html", "."])
def test_a_page_that_cannot_be_written_says_where_it_could_be(tmp_path, where):
    write(experiment(rows(5, 1), id="only"))

    with pytest.raises(InvalidInput, match="name a file in a folder that is there"):
        tower("report", "only", "--out", str(tmp_path / where))


@pytest.mark.parametrize(
    "address", ["notaurl", "", "ftp://x.example", "https://", "http://:80", "https://x.example:port", "a b"]
)
def test_an_alarm_is_promised_to_no_address_that_is_none(address, monkeypatch):
    monkeypatch.setattr(evals_drift, "within", lambda *_a, **_k: pytest.fail("it went on"))

    assert tower("drift", "--webhook", address).exit_code == 2


@pytest.mark.parametrize(
    "address", ["http://localhost:8080/x?y=1", "https://a:b@hooks.example/T0/B0", "http://[::1]:9"]
)
def test_any_address_that_is_one_will_do(address):
    assert tower("drift", "--simulate", "--json", "--webhook", address).exit_code == 0


@pytest.mark.parametrize(
    ("name", "form"),
    [("clinc150", "`train` and `val` or `test`"), ("banking77", "`text`"), ("tau2", "τ²-bench")],
)
def test_a_file_that_is_no_public_set_is_not_quoted(tmp_path, name, form):
    path = tmp_path / "passwd"
    path.write_text("root:x:0:0:secret:/root:/bin/sh\n" * 2)

    with pytest.raises(InvalidInput) as refused:
        external.evaluate(name, path)

    assert form in str(refused.value)
    assert "secret" not in str(refused.value)


def test_a_row_of_a_public_set_is_not_quoted_either(tmp_path):
    path = tmp_path / "full.json"
    path.write_text('{"train": [["my secret", "a", "b"]], "val": "my secret"}')

    with pytest.raises(InvalidInput, match=r"train\.0") as refused:
        external.evaluate("clinc150", path)

    assert "secret" not in str(refused.value)
