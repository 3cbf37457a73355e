"""A figure that stands in no letter and on no record settles no claim without a person."""

from __future__ import annotations

import pytest

from models.door import use_model
from models.scripted import ScriptedChatModel, call
from nodes.desk.agents import ASSESS, COVERAGE, DECIDE, EXTRACT
from tests.graphs.desk.legs import Legs

pytestmark = pytest.mark.usefixtures("prepared")
PIPE = {"policy_number": "HM-200001", "peril": "water_damage", "loss_date": "2026-05-12"}
FACTS = {
    **PIPE,
    "amount": 48_600,
    "invoice_number": "INV-300001",
    "summary": "A burst pipe.",
    "confidence": 100,
}
COVER = {"covered": True, "limit": 2_000_000, "deductible": 15_000, "reason": "insured", "confidence": 100}
PAYS = {"payable": 33_600, "decision": "approve", "reason": "less the deductible"}


class Intake(Legs):
    graph_name = "sequential"


async def read(letter: str) -> Intake:
    scripts = {
        EXTRACT.job: [call("ClaimFacts", **FACTS), call("ClaimFacts", **FACTS)],
        COVERAGE.job: [call("check_coverage", **PIPE), call("CoverageVerdict", **COVER)],
        ASSESS.job: [call("Assessment", **PAYS)],
        DECIDE.job: [call("ClaimDecision", claim="x", **PAYS)],
    }
    use_model(ScriptedChatModel(scripts=scripts))
    return await Intake().start(letter, "C-10001")


async def test_what_the_letter_says_is_settled():
    ran = await read("A pipe burst on 12 May 2026, 486.00 EUR, INV-300001. Policy HM-200001.")

    assert ran.outcome["status"] == "completed"
    assert ran.entries("unsure") == []


async def test_policy_and_invoice_may_be_found_on_record_instead():
    ran = await read("A pipe burst on 12 May 2026, the bill is 486.00 EUR.")

    assert ran.outcome["status"] == "completed"


@pytest.mark.parametrize("number", ["call me at extension 486", "our postcode is 48600", "since 1 May 486"])
async def test_a_number_that_is_no_money_is_no_amount(number):
    ran = await read(f"A pipe burst on 12 May 2026, {number}. Policy HM-200001.")

    (asked,) = (it.value for it in ran.state["__interrupt__"])
    assert asked["action_requests"][0]["name"] == "settle_claim"


async def test_a_day_that_nobody_wrote_is_looked_at_again_and_then_put_to_a_lead():
    ran = await read("A pipe burst the other day, 486.00 EUR, INV-300001. Policy HM-200001.")

    (asked,) = (it.value for it in ran.state["__interrupt__"])
    assert asked["action_requests"][0]["name"] == "settle_claim"
    assert "25 % sure" in asked["action_requests"][0]["description"]
    assert [entry["body"]["then"] for entry in ran.entries("unsure")] == ["same", "person"]

    await ran.answer()
    assert ran.outcome["status"] == "completed"
    assert "pay_claim" in [entry["action"] for entry in ran.entries("settled")]
