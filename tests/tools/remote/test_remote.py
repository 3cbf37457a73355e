"""Tools of other systems: the same gateway and masking, and a clear error where one isn't as it was."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import httpx
import pytest

from governance.errors import EffectUnknown
from governance.limits import Timeouts
from tests.tools.remote.conftest import PROTOCOLS, Shop
from tests.tools.remote.shop import MCP, REST
from tools.gateway import ToolFailed

both = pytest.mark.parametrize("protocol", PROTOCOLS)


@both
async def test_it_passes_the_gateway_like_any_other(shop: Shop, protocol: str):
    bill = await shop.ask(protocol)

    assert bill["amount"] == 4000
    assert bill["tenant"] == "harbor", "the system answers for the run's tenant"
    assert bill["payer"].startswith("<email:"), "personal values are masked on their way in"
    assert len(shop.entries("cleared")) == len(shop.entries("settled")) == 1


async def test_any_server_will_do_that_keeps_the_contract(shop: Shop):
    shop.behave("foreign")

    bill = await shop.ask("mcp")

    assert (bill["amount"], bill["tenant"]) == (4000, "harbor")


@both
async def test_what_was_answered_is_replayed_and_not_asked_again(shop: Shop, protocol: str):
    first = await shop.ask(protocol, sequence=7)
    shop.behave("broken")

    assert await shop.ask(protocol, sequence=7) == first


@both
@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("renamed", "result amount is gone; result total is new (integer)"),
        ("retyped", "result amount was integer and is number"),
        ("demanding", "argument reason is new (string)"),
        ("version", "is version 2.0 now, and its tools were built for 1.0"),
        ("gone", "get_bill any more"),
    ],
)
async def test_a_change_is_named_and_nothing_is_asked(shop: Shop, protocol: str, mode: str, said: str):
    await shop.ask(protocol)
    shop.behave(mode)

    with pytest.raises(ToolFailed) as raised:
        await shop.ask(protocol)

    assert said in str(raised.value)
    assert "adapt" in str(raised.value)
    (failed,) = shop.entries("failed")
    assert "RemoteChanged" in failed["body"]["error"]


@both
@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("missing", "amount: Field required"),
        ("unknown", "iban: Extra inputs are not permitted"),
        ("text", "amount: Input should be a valid integer"),
        ("other", "about another bill_id"),
        ("huge", "larger than 4000000 bytes"),
        ("packed", "compressed"),
        ("broken", "failed (500)"),
    ],
)
async def test_an_answer_that_is_not_what_was_promised_is_no_answer(
    shop: Shop, protocol: str, mode: str, said: str
):
    shop.behave(mode)

    with pytest.raises(ToolFailed) as raised:
        await shop.ask(protocol)

    assert said in str(raised.value)
    assert not shop.entries("settled")


@both
@pytest.mark.parametrize("mode", ["page", "garbage", "elsewhere"])
async def test_what_speaks_another_language_is_said_at_once(shop: Shop, protocol: str, mode: str):
    shop.behave(mode)
    began = time.monotonic()

    with pytest.raises(ToolFailed, match=r"till|stock"):
        await shop.ask(protocol)

    assert time.monotonic() - began < shop.plane.limits.timeouts.remote


@both
async def test_a_system_that_never_answers_is_given_up(shop: Shop, protocol: str):
    shop.behave("slow")
    shop.plane.limits = replace(shop.plane.limits, timeouts=Timeouts(remote=0.4))

    with pytest.raises(ToolFailed, match=r"gave no answer within 0.4 s"):
        await shop.ask(protocol)


@both
async def test_a_refusal_comes_in_the_systems_words(shop: Shop, protocol: str):
    with pytest.raises(ToolFailed, match="there is no bill B-9; look at the list"):
        await shop.ask(protocol, bill_id="B-9")


@both
async def test_a_wrong_key_opens_nothing(shop: Shop, protocol: str, monkeypatch: pytest.MonkeyPatch):
    system = MCP if protocol == "mcp" else REST
    monkeypatch.setenv(f"TOWER_{system.name.upper()}_KEY", "wrong")

    with pytest.raises(ToolFailed, match=f"set TOWER_{system.name.upper()}_KEY"):
        await shop.ask(protocol)


@both
async def test_our_key_never_leaves_this_machine_unprotected(
    shop: Shop, protocol: str, monkeypatch: pytest.MonkeyPatch
):
    system = MCP if protocol == "mcp" else REST
    monkeypatch.setenv(f"TOWER_{system.name.upper()}_URL", "http://billing.example.org/mcp")

    with pytest.raises(ToolFailed, match="over https only"):
        await shop.ask(protocol)


@both
async def test_without_an_address_this_process_answers(
    shop: Shop, protocol: str, monkeypatch: pytest.MonkeyPatch
):
    system = MCP if protocol == "mcp" else REST
    shop.behave("broken")
    monkeypatch.delenv(f"TOWER_{system.name.upper()}_URL")

    assert (await shop.ask(protocol))["amount"] == 4000


@both
async def test_many_at_once_from_several_loops(shop: Shop, protocol: str):
    here = await asyncio.gather(*(shop.ask(protocol) for _ in range(4)))
    elsewhere = await asyncio.to_thread(lambda: asyncio.run(shop.ask(protocol)))

    assert {bill["amount"] for bill in [*here, elsewhere]} == {4000}


async def test_a_write_carries_its_idempotency_key(shop: Shop):
    await shop.ask("mcp", "pay_bill", sequence=3, amount=4000)
    await shop.ask("mcp", "pay_bill", sequence=3, amount=4000)

    (row,) = shop.paid()
    assert row[0].startswith(f"{shop.actor.run.id}/till/0/3/pay_bill/")


async def test_a_write_that_was_never_sent_may_be_tried_again(shop: Shop):
    shop.behave("version")
    with pytest.raises(ToolFailed):
        await shop.ask("mcp", "pay_bill", sequence=3, amount=4000)
    shop.behave("same")

    await shop.ask("mcp", "pay_bill", sequence=3, amount=4000)

    assert len(shop.paid()) == 1


async def test_a_write_without_an_answer_is_not_repeated(shop: Shop):
    shop.behave("late")
    shop.plane.limits = replace(shop.plane.limits, timeouts=Timeouts(remote=1.5))
    with pytest.raises(EffectUnknown):
        await shop.ask("mcp", "pay_bill", sequence=3, amount=4000)
    shop.behave("same")

    with pytest.raises(EffectUnknown):
        await shop.ask("mcp", "pay_bill", sequence=3, amount=4000)

    assert len(shop.paid()) == 1


async def test_a_write_that_was_refused_is_told_and_may_be_tried_again(shop: Shop):
    for _ in range(2):
        with pytest.raises(ToolFailed, match="more than the bill"):
            await shop.ask("mcp", "pay_bill", sequence=3, amount=20_000)


async def test_a_write_that_failed_in_the_middle_is_not_repeated(shop: Shop):
    for _ in range(2):
        with pytest.raises(EffectUnknown):
            await shop.ask("mcp", "pay_bill", sequence=3, amount=666)

    assert len(shop.paid()) == 1


def start(module: str) -> tuple[subprocess.Popen[str], str]:
    command = [sys.executable, "-m", module, "--with-parent"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    return process, process.stdout.readline().strip().partition("=")[2]


@both
async def test_killed_in_the_middle_of_a_call(shop: Shop, protocol: str, monkeypatch: pytest.MonkeyPatch):
    system = MCP if protocol == "mcp" else REST
    process, url = await asyncio.to_thread(start, system.process)
    with process:
        monkeypatch.setenv(f"TOWER_{system.name.upper()}_URL", url)
        shop.behave("slow")
        (shop.folder / "asked").unlink(missing_ok=True)
        asked = asyncio.create_task(shop.ask(protocol))
        while not (shop.folder / "asked").exists():  # noqa: ASYNC110 - another process touches it
            await asyncio.sleep(0.02)
        process.send_signal(signal.SIGKILL)

        # A read is asked again, and nobody is there.
        with pytest.raises(ToolFailed, match="can't be reached"):
            await asked
    assert ["NoAnswer" in entry["body"]["error"] for entry in shop.entries("failed")] == [True, False]


PARENT = """
import os, sys, time
from tests.tools.remote.shop import REST
from tools.remote.process import started
with started([REST]):
    print(os.environ["TOWER_STOCK_URL"], flush=True)
    time.sleep(60)
"""


def test_it_ends_with_its_parent_however_that_dies(processes: object):
    command = [sys.executable, "-c", PARENT]
    environment = {name: value for name, value in os.environ.items() if name != "TOWER_STOCK_URL"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as parent:
        assert parent.stdout
        url = parent.stdout.readline().strip()
        assert httpx.get(url).status_code == 401
        parent.send_signal(signal.SIGKILL)
    for _ in range(100):
        try:
            httpx.get(url)
        except httpx.ConnectError:
            return
        time.sleep(0.05)
    pytest.fail("it outlived its parent")
