"""Old entries leave the database as sealed segments only, and the log is verified from the seal on."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from governance import retention
from governance.anchors import Anchors
from governance.audit import AuditLog
from governance.errors import Denied, InvalidInput
from governance.limits import Limits
from governance.principals import User
from governance.store import ControlStore
from governance.verify import verify
from tests.governance.conftest import sql
from tests.governance.test_audit import FULL, unguard, write
from tests.governance.test_verify_audit import check

pytestmark = pytest.mark.scenario(44)

OTTO = User("otto", "harbor", frozenset({"operator"}))
OLGA = User("olga", "harbor", frozenset({"operator"}))
KEEP = Limits(keep_audit_days=184)


@pytest.fixture
def log(settings, store, clock):
    """Two years of it; the database's own clock says when it is now."""
    log = AuditLog(store, Anchors(settings.home), interval=10, clock=clock)
    now = clock.now
    for days in (700, 400, 0):
        clock.now = now - timedelta(days=days)
        write(log, 25)
    return log


def sealed(log, settings, days):
    return retention.seal(log, OTTO, log.clock() - timedelta(days=days), KEEP, settings.home / "audit")


def proposed(log, settings, limits=KEEP):
    return retention.propose(log, OTTO, log.clock(), limits, settings.home / "audit")


def confirmed(log, settings, number, user=OLGA, limits=KEEP):
    return retention.drop(log, user, number, log.clock(), limits, settings.home / "audit")


def dropped(log, settings, limits=KEEP):
    """What the two of them drop."""
    number, found = proposed(log, settings, limits)
    assert found == (confirmed(log, settings, number, limits=limits) if number else [])
    return found


def segments(settings):
    return [path.read_text().splitlines() for path in sorted((settings.home / "audit").glob("*.jsonl"))]


def test_sealed_segments_are_dropped_and_everything_still_verifies(log, settings):
    assert dropped(log, settings) == []
    first, second, third = (sealed(log, settings, days) for days in (500, 300, 0.0001))
    assert [(s.first, s.last) for s in (first, second)] == [(1, 25), (26, 50)]
    assert third is None or third.first == 51
    assert sealed(log, settings, 500) is None

    assert dropped(log, settings) == [first, second]

    assert sql(settings, "SELECT min(seq) FROM audit") == [(51,)]
    verdict = verify(log)
    assert verdict.whole, verdict
    assert "after 50, sealed" in verdict.message
    write(log, 25)
    assert verify(log).whole
    said = list(log.entries(since=75))[:5]
    kinds = [entry["kind"].removeprefix("audit_") for entry in said]
    assert kinds == ["sealed", "sealed", "drop_proposed", "dropped", "dropped"]
    assert [entry["user_id"] for entry in said[2:]] == ["otto", "olga", "olga"]
    for number, lines in enumerate(segments(settings)):
        code, said = check(settings, lines)
        assert (code, f"25 entries, {25 * number + 1} to {25 * number + 25}," in said) == (0, True), said
    code, said = check(settings, list(log.export()))
    assert (code, "55 entries, 51 to 105," in said) == (0, True), said


def test_it_takes_two_to_drop_a_segment(log, settings, clock):
    """Whoever proposed it can't confirm it, and a proposal holds once, for a day, for what it named."""
    number = proposed(log, settings)[0]
    assert number == 0, "nothing is sealed, so nothing is proposed"
    first = sealed(log, settings, 500)
    number, found = proposed(log, settings)
    assert found == [first]
    for user, asked, error in ((OTTO, number, Denied), (OLGA, number - 1, InvalidInput)):
        with pytest.raises(error):
            confirmed(log, settings, asked, user)
    with pytest.raises(InvalidInput, match="case 17"):
        confirmed(log, settings, number, limits=replace(KEEP, legal_hold="case 17"))
    clock.forward(hours=24)
    with pytest.raises(InvalidInput, match="too old"):
        confirmed(log, settings, number)
    number = proposed(log, settings)[0]
    sealed(log, settings, 300)
    assert sql(settings, "SELECT min(seq) FROM audit") == [(1,)]

    assert confirmed(log, settings, number) == [first], "what was sealed since was not proposed"

    assert sql(settings, "SELECT min(seq) FROM audit") == [(26,)]
    with pytest.raises(InvalidInput, match="was done"):
        confirmed(log, settings, number)
    assert sql(settings, "SELECT min(seq) FROM audit") == [(26,)]


def test_a_tenants_hold_keeps_each_segment_with_an_entry_of_theirs(settings, store, clock):
    log = AuditLog(store, Anchors(settings.home), interval=10, clock=clock)
    now = clock.now
    for days, tenant in ((700, "harbor"), (600, "lakeside"), (500, "harbor")):
        clock.now = now - timedelta(days=days)
        write(log, 5)
        log.store.transact_sync(lambda tx, tenant=tenant: log.append(tx, replace(FULL, tenant=tenant)))
    clock.now = now
    for days in (699, 599, 499):
        sealed(log, settings, days)
    hold = replace(KEEP, legal_holds={"lakeside": "case 17"})

    first = dropped(log, settings, hold)

    assert [(each.first, each.last) for each in first] == [(1, 6)]
    assert dropped(log, settings, hold) == [], "nor what comes after it: the log has no hole"
    with pytest.raises(InvalidInput, match="lakesite"):
        dropped(log, settings, replace(KEEP, legal_holds={"lakesite": "misspelt"}))
    assert len(dropped(log, settings)) == 2
    assert verify(log).whole


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM audit WHERE seq = 30",
        "DELETE FROM audit WHERE seq BETWEEN 51 AND 60",
        "DELETE FROM audit",
        "UPDATE audit SET kind = 'x' WHERE seq = 3",
    ],
)
def test_the_database_refuses_every_other_deletion(log, settings, statement):
    sealed(log, settings, 500)
    sealed(log, settings, -1)  # of this very day, so it is kept for half a year
    log.store.close()
    with pytest.raises(Exception, match="append-only"):
        sql(settings, statement)


def test_a_hold_a_longer_time_and_a_missing_file_keep_it(log, settings):
    sealed(log, settings, 500)
    with pytest.raises(InvalidInput, match="case 17"):
        dropped(log, settings, replace(KEEP, legal_hold="case 17"))
    assert dropped(log, settings, replace(KEEP, keep_audit_days=710)) == []
    (file,) = (settings.home / "audit").glob("*.jsonl")
    whole = file.read_text()
    file.write_text(whole.replace("pay_claim", "pay_other"))
    with pytest.raises(InvalidInput, match="isn't as it was exported"):
        dropped(log, settings)
    assert sql(settings, "SELECT min(seq) FROM audit") == [(1,)]
    file.write_text(whole)
    assert len(dropped(log, settings)) == 1


def test_what_was_dropped_without_a_seal_or_too_early_is_missed(log, settings):
    """By somebody who owns the database, and may write a seal, but not sign one."""
    made = sealed(log, settings, 500)
    log.store.close()
    unguard(settings)
    sql(settings, "DELETE FROM audit WHERE seq <= 25")

    def verdict(clock=log.clock):
        store = ControlStore(settings.url("control"))
        found = verify(AuditLog(store, Anchors(settings.home), interval=10, clock=clock))
        store.close()
        return found

    assert verdict().whole
    early = verdict(lambda: log.clock() - timedelta(days=600))
    assert (early.problem, early.broken) == ("missing", 1)
    forged = json.dumps(
        {**json.loads(sql(settings, "SELECT body FROM audit WHERE seq = 76")[0][0]), "last": 30}
    )
    assert made.last == 25
    sql(settings, "DELETE FROM audit WHERE seq <= 30", f"UPDATE audit SET body = '{forged}' WHERE seq = 76")
    found = verdict()
    assert (found.problem, found.broken) == ("missing", 1)


@pytest.mark.parametrize(
    ("tamper", "names"),
    [
        (lambda lines: [*lines[:9], *lines[10:]], "was deleted"),
        (lambda lines: [*lines[:20], lines[-1]], "its seal was forged"),
        (lambda lines: [*lines[:-1], lines[-1].replace('"count":25', '"count":24')], "its seal was forged"),
        (lambda lines: [*lines, lines[5]], "entry 51: "),
        (lambda lines: lines[1:], "entry 1: it was deleted"),
        (lambda lines: lines[:-1], "cut off"),
    ],
)
def test_a_segment_that_was_tampered_with_is_named(log, settings, tamper, names):
    sealed(log, settings, 500)
    sealed(log, settings, 300)
    code, said = check(settings, tamper(segments(settings)[1]))
    assert (code, names in said) == (1, True), said
