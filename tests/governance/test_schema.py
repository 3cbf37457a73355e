"""A database that another release wrote is brought up to date, or is a clear no; no statement fails."""

from __future__ import annotations

import pytest

from governance.errors import ControlUnavailable
from governance.store import ControlStore
from tests.governance.conftest import sql


def opened(settings) -> None:
    store = ControlStore(settings.url("control"))
    try:
        store.transact_sync(lambda tx: tx.all("SELECT count(*) FROM approvals"))
    finally:
        store.close()


def written_by_another(settings, *statements: str) -> None:
    """As a release left it whose statements were others."""
    opened(settings)
    sql(settings, "UPDATE schema_fingerprint SET value = 1", *statements)


def test_what_may_be_empty_is_added(settings):
    written_by_another(
        settings,
        "ALTER TABLE approvals DROP COLUMN answer_hash",
        "DROP TABLE run_times",
        "DROP INDEX audit_by_run",
    )
    opened(settings)
    assert sql(settings, "SELECT answer_hash FROM approvals") == []
    assert sql(settings, "SELECT idle FROM run_times") == []


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("ALTER TABLE runs DROP COLUMN contract", "table runs has no column contract: an older release"),
        (
            "ALTER TABLE journal ADD COLUMN realm TEXT NOT NULL",
            "journal needs a column realm: another release",
        ),
    ],
)
def test_what_can_not_be_made_up_is_named_with_what_to_do(settings, statement, said):
    if "ADD" in statement and settings.url("control").startswith("sqlite"):
        pytest.skip("SQLite adds no column that must have a value")
    written_by_another(settings, statement)
    for _ in range(2):
        with pytest.raises(ControlUnavailable, match=rf"{said}.*nothing was changed.*TOWER_HOME"):
            opened(settings)
    assert sql(settings, "SELECT value FROM schema_fingerprint") == [(1,)]


def test_a_database_that_fits_is_opened_without_a_statement_of_ours(settings, monkeypatch):
    opened(settings)
    monkeypatch.setattr("governance.schema.TABLES", ("no SQL",))
    opened(settings)
