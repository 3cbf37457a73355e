"""The audit log: nothing in it changes unseen (scenario 44)."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
import threading

import pytest
import rfc8785
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from governance.acts import Cost
from governance.anchors import Anchor, Anchors
from governance.audit import COLUMNS, AuditLog, Entry, entry_hash
from governance.canonical import canonical
from governance.errors import ControlUnavailable
from governance.store import ControlStore
from governance.verify import verify
from tests.governance.conftest import sql

pytestmark = pytest.mark.scenario(44)

FULL = Entry(
    "cleared", "harbor", "run-1", "tool", "claims", "abc", "sam", "pay_claim", "Tool::pay_claim", "allow",
    ("p1", "p2"), "v1", "offline", Cost(tool_calls=1), "run-1/x/1", {"args": {"amount": 1}, "note": "größer"},
)  # fmt: skip


@pytest.fixture
def log(settings, store, clock):
    return AuditLog(store, Anchors(settings.home), interval=10, clock=clock)


def write(log, count=25):
    for _ in range(count):
        log.store.transact_sync(lambda tx: log.append(tx, FULL))


def unguard(settings):
    """Drop every trigger, as an attacker who owns the database would."""
    if settings.url("control").startswith("sqlite"):
        names = [row[0] for row in sql(settings, "SELECT name FROM sqlite_master WHERE type = 'trigger'")]
        sql(settings, *[f"DROP TRIGGER {name}" for name in names])
    else:
        sql(
            settings,
            "DROP TRIGGER audit_follows ON audit",
            "DROP TRIGGER audit_append_only ON audit",
            "DROP TRIGGER audit_keep ON audit",
            "DROP TRIGGER audit_anchors_append_only ON audit_anchors",
        )


def row_of(settings, seq):
    return sql(settings, f"SELECT {', '.join(COLUMNS)} FROM audit WHERE seq = {seq}")[0]


def rewrite(settings, start, end, change):
    """Alter entry `start` and make every later one agree with it, as whoever knows the format could."""
    prev = None
    for seq in range(start, end + 1):
        row = dict(zip(COLUMNS, row_of(settings, seq), strict=True))
        row |= change if seq == start else {"prev": prev}
        prev = entry_hash(tuple(row.values()))
        sets = ", ".join(
            f"{k} = '{v}'" for k, v in (row | {"hash": prev}).items() if k in {*change, "prev", "hash"}
        )
        sql(settings, f"UPDATE audit SET {sets} WHERE seq = {seq}")
    sql(settings, f"UPDATE audit_head SET hash = '{prev}'")


def test_a_log_left_alone_is_whole(log):
    write(log)
    verdict = verify(log)
    assert (verdict.whole, verdict.entries, verdict.anchors) == (True, 25, 2)


def test_an_empty_log_is_whole(log):
    assert verify(log).whole


def test_the_database_refuses_change_removal_and_forks(settings, log):
    write(log, 3)
    for statement in (
        "UPDATE audit SET user_id = 'noah' WHERE seq = 2",
        "DELETE FROM audit WHERE seq = 3",
        "DELETE FROM audit_anchors",
        "INSERT INTO audit (seq, time, prev, kind, body, hash) VALUES (5, '', '', 'x', '{}', '')",
        "INSERT INTO audit (seq, time, prev, kind, body, hash) VALUES (4, '', 'f', 'x', '{}', '')",
    ):
        if "anchors" in statement:
            write(log, 10)
        with pytest.raises(Exception, match=r"append-only|does not follow"):
            sql(settings, statement)
    assert verify(log).whole


@pytest.mark.parametrize("column", COLUMNS[1:])
def test_any_altered_field_is_named(settings, log, column):
    write(log, 14)
    unguard(settings)
    sql(settings, f"UPDATE audit SET {column} = '{{\"x\":1}}' WHERE seq = 7")
    verdict = verify(log)
    assert (verdict.whole, verdict.broken, verdict.problem) == (False, 7, "altered")


@pytest.mark.parametrize("seq", [1, 13, 14])
def test_an_entry_altered_together_with_its_hash_is_named(settings, log, seq):
    write(log, 14)
    unguard(settings)
    row = dict(zip(COLUMNS, row_of(settings, seq), strict=True)) | {"user_id": "noah"}
    sql(
        settings,
        f"UPDATE audit SET user_id = 'noah', hash = '{entry_hash(tuple(row.values()))}' WHERE seq = {seq}",
    )
    verdict = verify(log)
    assert not verdict.whole
    assert verdict.broken in {seq, 15}
    assert verdict.problem in {"altered", "truncated"}


def test_a_removed_entry_is_named(settings, log):
    write(log)
    unguard(settings)
    sql(settings, "DELETE FROM audit WHERE seq = 7")
    assert (verify(log).broken, verify(log).problem) == (7, "missing")


def test_swapped_entries_are_named(settings, log):
    write(log)
    unguard(settings)
    sql(
        settings,
        "UPDATE audit SET seq = 9999 WHERE seq = 7",
        "UPDATE audit SET seq = 7 WHERE seq = 12",
        "UPDATE audit SET seq = 12 WHERE seq = 9999",
    )
    verdict = verify(log)
    assert (verdict.broken, verdict.problem) == (7, "reordered")
    assert "entry 12 stands in the place of entry 7" in verdict.message


def test_a_tail_cut_past_an_anchor_is_named(settings, log):
    write(log)
    unguard(settings)
    sql(
        settings,
        "DELETE FROM audit WHERE seq > 17",
        "DELETE FROM audit_anchors",
        f"UPDATE audit_head SET seq = 17, hash = '{row_of(settings, 17)[-1]}'",
    )
    verdict = verify(log)
    assert (verdict.broken, verdict.problem) == (18, "truncated")
    assert "anchor at 20" in verdict.message


def test_a_tail_cut_after_the_last_anchor_is_named_by_the_head(settings, log):
    write(log)
    unguard(settings)
    sql(settings, "DELETE FROM audit WHERE seq > 22")
    assert (verify(log).broken, verify(log).problem) == (23, "truncated")


def test_closing_anchors_the_end(settings, log):
    write(log, 13)
    log.store.close()
    unguard(settings)
    sql(
        settings,
        "DELETE FROM audit WHERE seq > 12",
        "DELETE FROM audit_anchors",
        f"UPDATE audit_head SET seq = 12, hash = '{row_of(settings, 12)[-1]}'",
    )
    again = ControlStore(settings.url("control"))
    verdict = verify(AuditLog(again, log.anchors))
    again.close()
    assert (verdict.broken, verdict.problem) == (13, "truncated")


def test_a_chain_rewritten_from_an_entry_on_is_caught_by_the_next_anchor(settings, log):
    write(log)
    unguard(settings)
    rewrite(settings, 14, 25, {"user_id": "noah"})
    verdict = verify(log)
    assert (verdict.broken, verdict.problem, verdict.entries) == (11, "rewritten", 19)


def test_a_forged_anchor_is_named(settings, log, tmp_path):
    write(log)
    unguard(settings)
    rewrite(settings, 14, 25, {"user_id": "noah"})
    said = Anchor(20, row_of(settings, 20)[-1], "2026-11-21T09:00:00.000000Z", 10)
    forged = Anchors(tmp_path / "other").sign(said)
    lines = log.anchors.file.read_text().splitlines()
    log.anchors.file.write_text(lines[0] + "\n")
    log.anchors.keep(forged)
    sql(settings, "DELETE FROM audit_anchors WHERE seq = 20")
    assert (verify(log).broken, verify(log).problem) == (20, "forged")


def test_anchors_gone_from_both_places_are_missed(settings, log):
    write(log)
    unguard(settings)
    rewrite(settings, 14, 25, {"user_id": "noah"})
    log.anchors.file.unlink()
    sql(settings, "DELETE FROM audit_anchors")
    assert (verify(log).broken, verify(log).problem) == (10, "unanchored")


def test_key_and_anchor_file_are_the_owners_alone(log):
    write(log, 10)
    assert stat.S_IMODE(log.anchors.key_path.stat().st_mode) == 0o600
    assert stat.S_IMODE(log.anchors.file.stat().st_mode) == 0o600
    assert log.anchors.key_path.with_suffix(".pub").exists()


def test_without_its_key_nothing_is_written_where_an_anchor_is_due(log):
    write(log, 9)
    log.anchors.key_path.parent.mkdir(mode=0o700, parents=True)
    log.anchors.key_path.write_text("garbled")
    with pytest.raises(ControlUnavailable, match="audit key"):
        write(log, 1)
    assert len(list(log.entries())) == 9
    log.anchors.key_path.unlink()


def test_threads_and_processes_append_without_gap_or_fork(settings, log):
    script = (
        "import sys; from pathlib import Path; from governance.store import ControlStore;"
        "from governance.audit import AuditLog, Entry; from governance.anchors import Anchors;"
        "s = ControlStore(sys.argv[1]); log = AuditLog(s, Anchors(Path(sys.argv[2])), interval=10);"
        "[s.transact_sync(lambda tx: log.append(tx, Entry('x'))) for _ in range(40)]; s.close()"
    )
    write(log, 1)
    children = [
        subprocess.Popen([sys.executable, "-c", script, settings.url("control"), str(settings.home)])
        for _ in range(3)
    ]
    threads = [threading.Thread(target=write, args=(log, 20)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [child.wait(90) for child in children] == [0, 0, 0]
    verdict = verify(log)
    assert verdict.whole, verdict
    assert verdict.entries == 1 + 3 * 40 + 3 * 20


def test_entries_are_filtered_and_exported_as_they_were_hashed(log):
    write(log, 3)
    log.store.transact_sync(lambda tx: log.append(tx, Entry("run_ended", run="run-2", tenant="lakeside")))
    assert [entry["seq"] for entry in log.entries(run="run-1", since=1)] == [2, 3]
    assert [entry["seq"] for entry in log.entries(kind="run_ended")] == [4]
    lines = [json.loads(line) for line in log.export()]
    assert [line["seq"] for line in lines] == [1, 2, 3, 4]
    assert lines[0]["body"] == FULL.body
    assert lines[1]["prev"] == lines[0]["hash"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # the machine may be busy
@given(json_values)
def test_canonical_form_is_that_of_rfc_8785(value):
    assert canonical(value) == rfc8785.dumps(value)
