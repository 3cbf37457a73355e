"""A second letter for an invoice that has a claim goes to a person, who hears which claim that is."""

from __future__ import annotations

import pytest

from models.door import use_model
from models.scripted import ScriptedChatModel, call
from tests.graphs.desk.legs import Legs

pytestmark = pytest.mark.usefixtures("prepared")
FACTS = {
    "policy_number": "HM-200015",
    "peril": "collision",
    "loss_date": "2025-07-31",
    "amount": 297_410,
    "invoice_number": "INV-300846",
    "summary": "A crash.",
    "confidence": 90,
}


class Intake(Legs):
    graph_name = "sequential"


async def test_a_claimed_invoice_is_escalated_with_its_claim_and_nothing_is_opened():
    use_model(ScriptedChatModel(scripts={"": [call("ClaimFacts", **FACTS)]}))

    ran = await Intake().start("INV-300846 over 2,974.10 EUR, policy HM-200015", "C-10018")

    assert ran.outcome["status"] == "escalated"
    assert "INV-300846 is already claimed by CL-400007" in str(ran.outcome["reasons"])
    assert "open_claim" not in [entry["action"] for entry in ran.entries("settled")]
