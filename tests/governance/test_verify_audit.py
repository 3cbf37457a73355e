"""`scripts/verify_audit.py` needs nothing of Tower and names each kind of tampering by its entry."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from governance.anchors import Anchors
from governance.audit import AuditLog, Entry
from governance.store import ControlStore
from scripts.verify_audit import entry_hash, members
from tests.governance.conftest import sql
from tests.governance.test_audit import unguard, write

pytestmark = pytest.mark.scenario(44)

SCRIPT = Path(__file__).parents[2] / "scripts" / "verify_audit.py"
ODD = Entry("noted", "harbor", body={"half": 0.5, "big": 1e22, "text": 'ß "\\ \u2028 😀', "\U0001f600": 1})


@pytest.fixture
def log(settings, store, clock):
    log = AuditLog(store, Anchors(settings.home), interval=10, clock=clock)
    write(log, 12)
    store.transact_sync(lambda tx: log.append(tx, ODD))
    write(log, 12)
    return log


def check(settings, lines: list[str], *options: str) -> tuple[int, str]:
    """Run the script in an interpreter that sees neither Tower nor what is installed."""
    places = ["--anchors", settings.home / "anchors.jsonl", "--keys", settings.home / "keys"]
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(SCRIPT), *places, *options],
        input="".join(f"{line}\n" for line in lines),
        capture_output=True,
        encoding="utf-8",
        cwd=settings.home,
        env={"PATH": os.environ["PATH"], "PYTHONUTF8": "1"},
        check=False,
    )
    assert not done.stderr, done.stderr
    return done.returncode, done.stdout


def test_a_whole_log_is_whole(settings, log):
    code, said = check(settings, list(log.export()))
    assert code == 0, said
    assert said.startswith("25 entries")
    assert "2 anchors or seals, each signed" in said


def changed(lines: list[str]) -> list[str]:
    return [line.replace("pay_claim", "pay_other") if n == 6 else line for n, line in enumerate(lines)]


def rehashed(lines: list[str]) -> list[str]:
    """The whole chain written anew by somebody who knows how, without the key."""
    prev, made = "0" * 64, []
    for seq, line in enumerate(changed(lines), 1):
        entry = json.loads(line) | {"prev": prev}
        prev = entry_hash(members(json.dumps(entry, separators=(",", ":"), ensure_ascii=False)), seq)
        made.append(json.dumps(entry | {"hash": prev}, separators=(",", ":"), ensure_ascii=False))
    return made


@pytest.mark.parametrize(
    ("tamper", "names"),
    [
        pytest.param(changed, "entry 7: it was changed", id="change"),
        pytest.param(lambda lines: lines[:6] + lines[7:], "entry 7: it was deleted", id="delete"),
        pytest.param(
            lambda lines: [*lines[:6], lines[8], lines[7], lines[6], *lines[9:]],
            "entry 7: entry 9 stands in its place",
            id="swap",
        ),
        pytest.param(lambda lines: lines[:17], "entry 18: the log was cut off", id="truncate"),
        pytest.param(rehashed, "entry 1: from here to 10 the log was rewritten", id="rewrite"),
        pytest.param(lambda lines: ["no entry", *lines[1:]], "line 1 is no entry", id="garble"),
        pytest.param(lambda lines: [], "entry 1: the log was cut off", id="empty"),
    ],
)
def test_each_kind_of_tampering_is_named(settings, log, tamper, names):
    code, said = check(settings, tamper(list(log.export())))
    assert code == 1
    assert names in said


@pytest.mark.parametrize(
    "tamper",
    [
        pytest.param(lambda line: line[:-1] + ',"withheld":true}', id="withheld beside its text"),
        pytest.param(lambda line: line[:-1] + ',"note":"evil"}', id="a member that isn't hashed"),
        pytest.param(lambda line: '{"kind":"evil",' + line[1:], id="a member twice"),
        pytest.param(lambda line: line + '{"kind":"evil"}', id="another object behind it"),
    ],
)
def test_nothing_stands_in_an_entry_that_is_not_hashed(settings, log, tamper):
    lines = list(log.export())
    lines[6] = tamper(lines[6])

    assert check(settings, lines) == (1, "NOT WHOLE. line 7 is no entry of an audit log, so it was altered\n")


def test_two_rows_that_were_swapped_in_the_database(settings, store, log):
    store.close()
    unguard(settings)
    sql(
        settings,
        "UPDATE audit SET seq = 1000 WHERE seq = 7",
        "UPDATE audit SET seq = 7 WHERE seq = 9",
        "UPDATE audit SET seq = 9 WHERE seq = 1000",
    )
    again = ControlStore(settings.url("control"))
    lines = list(AuditLog(again, Anchors(settings.home)).export())
    again.close()
    code, said = check(settings, lines)
    assert (code, "entry 7: entry 9 stands in its place" in said) == (1, True), said


def test_forged_and_missing_anchors(settings, log):
    lines, kept = list(log.export()), settings.home / "anchors.jsonl"
    written = kept.read_text().splitlines()
    other = json.loads(written[0]) | {"hash": "0" * 64}
    kept.write_text("\n".join([json.dumps(other), *written[1:]]))
    assert "entry 10: its anchor was forged" in check(settings, lines)[1]
    kept.write_text("\n".join(written[1:]))
    assert "entry 10: its anchor was removed" in check(settings, lines)[1]
    kept.unlink()
    assert check(settings, lines)[0] == 2


def test_other_tenants_entries_are_withheld_and_the_chain_is_still_checked(settings, log):
    foreign = Entry("cleared", "lakeside", body={"secret": 1})
    log.store.transact_sync(lambda tx: log.append(tx, foreign))
    write(log, 4)
    lines = list(log.export(tenant="harbor"))
    assert "secret" not in "".join(lines)
    code, said = check(settings, lines)
    assert (code, "(1 of other tenants, of which only links are checked: 26)" in said) == (0, True), said
    code, said = check(settings, lines, "--whole")
    assert (code, "entry 26: its text is withheld" in said) == (1, True), said
