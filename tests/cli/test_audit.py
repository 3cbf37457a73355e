"""Old entries leave the log by two operators only."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from governance.anchors import Anchors
from governance.audit import AuditLog, Entry
from governance.settings import Settings
from governance.store import ControlStore
from tests.cli.conftest import Tower


def test_one_operator_proposes_and_another_one_drops(tower: Tower) -> None:
    store, year = ControlStore(Settings(tower.home).url("control")), timedelta(days=365)
    log = AuditLog(store, Anchors(tower.home), clock=lambda: datetime.now(UTC) - year)
    for _ in range(3):
        store.transact_sync(lambda tx: log.append(tx, Entry("event", tenant="harbor")))
    store.close()
    before = (datetime.now(UTC) - timedelta(days=300)).date().isoformat()
    assert tower("audit", "seal", "--before", before).returncode == 0

    asked = tower("audit", "drop", "--as", "otto")

    named = "000000000001-000000000003" in "".join(asked.stdout.split())
    assert (asked.returncode, named) == (3, True), asked.stdout + asked.stderr
    number = asked.stdout.split("--confirm ")[1].split()[0]
    for user in ("otto", "aris"):
        refused = tower("audit", "drop", "--confirm", number, "--as", user)
        assert refused.returncode == 4, refused.stdout
    assert tower.count("SELECT count(*) FROM audit WHERE kind = 'refused'") == 2, "each no is in the log"
    assert tower.count("SELECT min(seq) FROM audit") == 1

    assert tower("audit", "drop", "--confirm", number, "--as", "olga").returncode == 0

    assert tower.count("SELECT min(seq) FROM audit") == 4
    assert tower("audit", "verify").returncode == 0
