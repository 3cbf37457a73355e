"""Old entries leave the log by two operators only."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from governance.anchors import Anchors
from governance.audit import AuditLog, Entry
from governance.settings import Settings
from governance.store import ControlStore
from tests.cli.conftest import ROOT, Tower


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


AS_ANYBODY = ["setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override"]
"""What takes from root the right to write everywhere."""


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() == 0 and not shutil.which("setpriv"), reason="root may write everywhere")
def test_a_home_that_cannot_be_written_is_audited_and_left_as_it_is(tower: Tower) -> None:
    run = tower.json("run", "What is a deductible?", "--graph", "direct")["run"]
    before = {path: path.read_bytes() for path in tower.home.rglob("*") if path.is_file()}
    command = [*(AS_ANYBODY if os.geteuid() == 0 else []), sys.executable, "-m", "cli.main"]

    def read(*args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, *args], env=tower.environment, cwd=ROOT, text=True, capture_output=True, check=False
        )

    subprocess.run(["chmod", "-R", "a-w", str(tower.home)], check=True)
    try:
        verified = read("audit", "verify")
        looks = [read(*args) for args in (["audit", "show"], ["audit", "export"], ["runs"], ["show", run])]
        refused = read("audit", "show", "--as", "sam")
    finally:
        subprocess.run(["chmod", "-R", "u+w", str(tower.home)], check=True)

    assert (verified.returncode, "the log is whole" in verified.stdout) == (0, True), verified.stderr
    for look in looks:
        assert (look.returncode, bool(look.stdout)) == (0, True), look.stderr
        assert "its log holds nothing of this look" in look.stderr
    assert (refused.returncode, refused.stdout) == (4, "")
    assert {path: path.read_bytes() for path in tower.home.rglob("*") if path.is_file()} == before
