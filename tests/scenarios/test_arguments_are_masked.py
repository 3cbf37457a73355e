"""Scenario 48: what a model hands to a tool holds tokens; the tool gets the real values."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest

from graphs.single import single
from tests.scenarios.conftest import calls, says
from tests.second import office

ANNS = office.IBANS["ann"]


@pytest.mark.scenario(48)
async def test_no_personal_value_stands_in_tool_calls(desk):
    spelled = f"{ANNS[:4]} {ANNS[4:8]} {ANNS[8:]}"
    token = await desk.plane.vault.token("harbor", "iban", ANNS)
    desk.script(calls("find_order", order_id="T-001"))
    desk.script(calls("refund", order_id="T-001", amount=4000, iban=token), says("Refunded."))
    graph = single(office.CASHIER).compile(name="single", checkpointer=desk.saver)

    run = await desk.start(graph, f"Refund T-001 to {spelled}, my phone is 030 901820.")

    assert run.outcome["status"] == "completed"
    assert desk.refunds() == [("T-001", 4000, ANNS)]
    (paid,) = [e for e in run.entries("cleared") if e["action"] == "refund"]
    assert paid["body"]["args"]["iban"] == token
    control = desk.plane.settings.home / "control.db"
    with closing(sqlite3.connect(control)) as db, db:
        tables = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        stored = json.dumps([db.execute(f"SELECT * FROM {t}").fetchall() for t in tables], default=str)
    prompts = " ".join(prompt.text for prompt in desk.model.prompts)
    checkpoints = str(desk.saver.storage) + str(desk.saver.blobs)
    for text in (stored, prompts, checkpoints):
        for value in (ANNS, spelled, "901820"):
            assert value not in text
