"""The desk's database: set up once, each effect once, numbers without gaps."""

from __future__ import annotations

import asyncio
import datetime as dt
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from tools.desk.claims import get_claim, open_claim
from tools.desk.database import Desk
from tools.desk.errors import AlreadyClaimed, AlreadyPaid, KeyReused, OtherRelease, WrongState
from tools.desk.records import ClaimRow
from tools.spec import Caller, EffectKey

ROOT = Path(__file__).parents[3]
LOSS = {"policy_number": "HM-200001", "peril": "water_damage", "loss_date": "2026-06-20", "amount": 48_600}
SETUP = "import sys; from tools.desk.database import Desk; Desk(sys.argv[1]).ensure()"


def test_many_processes_set_up_one_desk(empty_url):
    command = [sys.executable, "-c", SETUP, empty_url]
    started = [subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    ended = [(process.communicate(timeout=120)[1], process.returncode) for process in started]

    assert [code for _, code in ended] == [0, 0, 0, 0], ended
    desk = Desk(empty_url)
    claims = asyncio.run(desk.read(lambda s: s.query(ClaimRow).count()))
    desk.close()
    assert claims > 150


def test_desk_of_the_settings_is_one_per_url(monkeypatch, tmp_path):
    monkeypatch.setenv("TOWER_HOME", str(tmp_path / "a"))
    first = Desk.current()
    assert Desk.current() is first
    monkeypatch.setenv("TOWER_DESK_URL", "postgresql://elsewhere/desk")
    assert Desk.current() is not first
    assert Desk.current().url == "postgresql://elsewhere/desk"
    assert not (tmp_path / "a").exists(), "asking for the desk opens nothing"


def test_its_file_is_its_owners_alone(tmp_path):
    desk = Desk(f"sqlite:///{tmp_path}/home/desk.db")
    desk.ensure()
    files = list((tmp_path / "home").iterdir())
    assert [file for file in files if file.stat().st_mode & 0o077] == []
    desk.close()


def test_desk_serves_several_event_loops(office):
    for _ in range(3):
        found = asyncio.run(office.call("find_customer", customer_id="C-10001"))
        assert found.name == "Marta Lindqvist"


async def test_equal_keys_at_the_same_moment_make_one_effect(office):
    before = await office.records()

    notes = await asyncio.gather(
        *(
            office.call("add_note", key="r9/same", customer_id="C-10001", kind="note", text="once")
            for _ in range(12)
        )
    )

    assert len({note.note_id for note in notes}) == 1
    after = await office.records()
    assert len(after["desk_notes"]) == len(before["desk_notes"]) + 1


async def test_repeat_of_a_key_returns_the_first_result_even_after_changes(office):
    claim = await office.call("open_claim", key="r9/open", **LOSS)
    await office.call("withdraw_claim", claim_id=claim.claim_id)
    assert await office.call("open_claim", key="r9/open", **LOSS) == claim
    assert (await office.call("get_claim", claim_id=claim.claim_id)).status == "withdrawn"


async def test_a_refused_effect_leaves_its_key_free(office):
    with pytest.raises(WrongState):
        await office.call("withdraw_claim", key="r9/withdraw", claim_id="CL-400001")
    rows = await office.rows()
    assert "r9/withdraw" not in {row[0] for row in rows["desk_applied"]}


async def test_a_key_of_another_effect_is_refused(office):
    await office.call("add_note", key="r9/k", customer_id="C-10001", kind="note", text="a")
    with pytest.raises(KeyReused, match="ask the gateway"):
        await office.call("open_claim", key="r9/k", **LOSS)


async def test_a_key_of_another_tenant_gives_nothing_away(office):
    note = {"customer_id": "C-10001", "kind": "note", "text": "a"}
    await office.call("add_note", key="r9/k", **note)
    with pytest.raises(KeyReused):
        await office.of("lakeside").call("add_note", key="r9/k", **note)


async def test_numbers_have_no_gaps_under_concurrency(office):
    notes = await asyncio.gather(
        *(office.call("add_note", customer_id="C-10002", kind="note", text=str(i)) for i in range(20))
    )
    numbers = sorted(int(note.note_id.removeprefix("N-")) for note in notes)
    assert numbers == list(range(numbers[0], numbers[0] + 20))


async def test_two_claims_on_one_bill_at_the_same_moment_open_one(office):
    loss = LOSS | {"invoice_number": "INV-300001"}
    results = await asyncio.gather(
        *(office.call("open_claim", **loss) for _ in range(8)), return_exceptions=True
    )
    assert sum(isinstance(result, AlreadyClaimed) for result in results) == 7


@pytest.mark.parametrize("bills", [(None,), ("INV-300001", None)])
async def test_two_claims_for_one_loss_at_the_same_moment_open_one(office, bills):
    losses = [LOSS | ({"invoice_number": bill} if bill else {}) for bill in bills * 4]
    results = await asyncio.gather(
        *(office.call("open_claim", **loss) for loss in losses), return_exceptions=True
    )
    assert sum(isinstance(result, AlreadyClaimed) for result in results) == len(losses) - 1


async def test_two_payments_of_one_claim_at_the_same_moment_make_one(office):
    claim = await office.call("open_claim", **LOSS, invoice_number="INV-300001")
    number = claim.claim_id
    await office.call("settle_claim", claim_id=number, decision="approve", amount=33_600, reason="ok")
    iban = (await office.call("find_customer", customer_id="C-10001")).iban
    results = await asyncio.gather(
        *(office.call("pay_claim", claim_id=number, amount=33_600, iban=iban) for _ in range(8)),
        return_exceptions=True,
    )
    assert sum(isinstance(result, AlreadyPaid) for result in results) == 7
    assert sum(row[1] == number for row in (await office.records())["desk_payments"]) == 1


async def test_nothing_blocks_the_event_loop(url, monkeypatch):
    """With the detector that `langgraph dev` runs."""
    blockbuster = pytest.importorskip("blockbuster", reason="comes with the extra `serve`")
    monkeypatch.setenv("TOWER_DESK_URL", url)
    desk = Desk.current()
    caller = Caller("harbor", "hanna", "r1", None)
    with blockbuster.blockbuster_ctx():
        claim = await open_claim.run(
            "HM-200001", "fire", dt.date(2026, 6, 1), 100_000, desk=desk, key=EffectKey("r1/x"), caller=caller
        )
        found = await get_claim.run(claim.claim_id, desk=desk, caller=caller)
    desk.close()
    assert found == claim


async def test_records_of_another_release_are_a_clear_no(office):
    desk = office.desk
    await desk.run(lambda s: s.execute(text("ALTER TABLE desk_notes DROP COLUMN removed")))
    later = Desk(desk.url)
    with pytest.raises(OtherRelease, match=r"lack desk_notes\.removed.*nothing was changed.*TOWER_HOME"):
        later.ensure()
    later.close()
