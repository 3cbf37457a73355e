"""What can't be used is refused with what to do, and nothing is started."""

from __future__ import annotations

import io
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pypdf
import pytest
from reportlab.pdfgen import canvas

from evals.expectations import Expectation
from tests.cli.conftest import Tower, arguments

ROOT = Path(__file__).parent.parent.parent


def encrypted_pdf() -> bytes:
    plain, locked = io.BytesIO(), io.BytesIO()
    page = canvas.Canvas(plain)
    page.drawString(72, 720, "A letter")
    page.save()
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(plain.getvalue()))
    writer.encrypt("secret")
    writer.write(locked)
    return locked.getvalue()


UNUSABLE = {
    "empty.txt": b"",
    "huge.txt": b"a" * 50_000_000,
    "locked.pdf": encrypted_pdf(),
    "photo.png": b"\x89PNG\r\n\x1a\n" + bytes(100),
    "photo.jpg": b"\xff\xd8\xff\xe0" + bytes(100),
    "broken.json": b"{",
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_an_unusable_file_starts_nothing(tower: Tower, tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.write_bytes(UNUSABLE[name])

    done = tower("run", str(file))

    assert done.returncode == 2, done.stderr
    assert name in done.stderr
    assert "Traceback" not in done.stderr
    assert file.read_bytes() == UNUSABLE[name]
    assert tower.json("runs") == []


def test_a_missing_file_is_not_taken_for_a_request_in_words(tower: Tower) -> None:
    done = tower("run", "letters/missing.pdf")

    assert (done.returncode, "missing.pdf" in done.stderr) == (2, True)
    assert tower.json("runs") == []


def test_usage_is_exit_2(tower: Tower) -> None:
    assert tower("run").returncode == 2
    assert tower("fly").returncode == 2
    assert tower("run", "hello", "--graph", "no-such").returncode == 2
    empty = tower("run", "")
    assert (empty.returncode, "is empty" in empty.stderr) == (2, True)
    assert tower("resume", "run-none").returncode == 2
    assert tower("runs", "--state", "no-such").returncode == 2
    assert tower("runs", "--limit", "0").returncode == 2
    unapproved = tower("doctor", "--drift", "--json")
    assert (unapproved.returncode, unapproved.stdout) == (2, "")
    assert tower("approve", "apr-none", "--as", "lena").returncode == 2
    assert tower("edit", "apr-none", "--as", "lena").returncode == 2


def test_only_the_demos_own_manifest_says_whose_a_letter_is(
    tower: Tower, large_claim: Expectation, tmp_path: Path
) -> None:
    letter = ROOT / "examples/inbox" / large_claim.file
    beside = tower.json("run", str(letter))
    alone = tmp_path / letter.name
    alone.write_bytes(letter.read_bytes())
    listed = {"file": alone.name, "customer": large_claim.customer, "graph": "", "status": ""}
    forged = "\n".join(f'{name} = "{value}"' for name, value in listed.items())
    (tmp_path / "manifest.toml").write_text(f"[[document]]\n{forged}")
    refused = tower("run", str(alone))

    assert (beside["customer"], len(beside["approvals"])) == (large_claim.customer, 1)
    assert (refused.returncode, "--customer" in refused.stdout) == (4, True)
    assert tower("budget").returncode == 0


def test_an_interrupt_says_how_to_go_on(tower: Tower, small_claim: Expectation) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # a model that never answers
        tower.env["OPENAI_BASE_URL"] = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
        process, run = tower.begin(*arguments(small_claim))
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    del tower.env["OPENAI_BASE_URL"]

    assert (process.returncode, f"tower resume {run}" in " ".join(said.split())) == (130, True), said
    assert tower.json("resume", run)["status"] == small_claim.status


def test_a_closed_output_is_no_error(tower: Tower) -> None:
    command = [sys.executable, "-m", "cli.main", "runs"]

    done = subprocess.run(
        ["sh", "-c", '"$@" >&-', "sh", *command],
        env=tower.environment,
        cwd=ROOT,
        stderr=subprocess.PIPE,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, b"")


def test_help_loads_no_library_that_it_has_no_use_for() -> None:
    """A fresh interpreter, since the tests' own commands start with all of them loaded."""
    command = [sys.executable, "-X", "importtime", "-m", "cli.main", "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)

    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert "typer" in loaded
    assert loaded & {"langgraph", "langchain_core", "pydantic", "sqlalchemy", "numpy", "psycopg"} == set()
    assert "3 waits for a person" in " ".join(done.stdout.split())
