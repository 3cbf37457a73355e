"""A claim whose invoice stands in a system that changed, or that takes no key of ours: never paid wrongly."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from evals.expectations import Expectation
from tests.cli.conftest import Tower, arguments

ROOT = Path(__file__).parent.parent.parent
AS_IT_WAS, CHANGED = "tools.desk.systems.billing", "tests.tools.remote.desk.changed_billing"


@contextmanager
def up(tower: Tower, module: str) -> Iterator[None]:
    """Run a system in a process of its own, with the key that lies in this home."""
    command = [sys.executable, "-m", module, "--with-parent"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=tower.environment, cwd=ROOT
    ) as process:
        assert process.stdout
        name, _, url = process.stdout.readline().strip().partition("=")
        tower.env[name] = url
        try:
            yield
        finally:
            process.kill()


def paid(tower: Tower, run: str) -> int:
    return tower.count(
        "SELECT count(*) FROM desk_applied WHERE effect = 'Payment' AND key LIKE ?", f"{run}/%", store="desk"
    )


def claim(tower: Tower, expected: Expectation, graph: str = "sequential") -> tuple[str, dict[str, str]]:
    ended = tower.json("run", *arguments(expected), "--graph", graph)
    return ended["run"], ended["outcome"]


def test_changed_nothing_is_paid_and_the_change_is_named_in_the_note_too(
    tower: Tower, small_claim: Expectation
):
    notes, customer = "SELECT text FROM desk_notes WHERE customer_id = ?", "C-10001"
    record = (
        "SELECT name, email, phone, birthdate, street, city, iban FROM desk_customers WHERE customer_id = ?"
    )
    before = tower.sql(notes, customer, store="desk")
    with up(tower, CHANGED):
        run, outcome = claim(tower, small_claim, "supervisor")
    [(note,)] = [row for row in tower.sql(notes, customer, store="desk") if row not in before]
    [personal] = tower.sql(record, customer, store="desk")

    assert "get_invoice failed: billing changed get_invoice" in note
    assert not [value for value in personal if str(value) in note]
    assert outcome["status"] == "partial"
    assert "result amount is gone" in str(outcome["reasons"])
    assert "result total is new (string)" in str(outcome["reasons"])
    assert paid(tower, run) == 0
    assert (tower.home / "keys" / "systems" / "billing.key").stat().st_mode & 0o077 == 0


@pytest.mark.slow
def test_with_a_wrong_key_nothing_is_paid(tower: Tower, small_claim: Expectation):
    with up(tower, AS_IT_WAS):
        tower.env["TOWER_BILLING_KEY"] = "billing.wrong"
        run, outcome = claim(tower, small_claim)

    assert "TOWER_BILLING_KEY" in str(outcome["reasons"])
    assert paid(tower, run) == 0
