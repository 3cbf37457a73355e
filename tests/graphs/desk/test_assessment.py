"""Claim assessment on the desk's own records, with the offline model."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from governance.settings import Settings
from models.door import use_model
from models.scripted import ScriptedChatModel, call
from tests.graphs.desk.legs import Legs


class Assessment(Legs):
    graph_name = "concurrent"

    @property
    def choices(self) -> dict[str, str]:
        return {name: verdict["choice"] for name, verdict in self.outcome["result"]["verdicts"].items()}


@pytest.fixture
def desk(prepared: None) -> Assessment:
    return Assessment()


def claims() -> list[Any]:
    with create_engine(Settings.from_env().url("desk"), poolclass=NullPool).connect() as db:
        return list(db.execute(text("SELECT * FROM desk_claims ORDER BY claim_id")))


async def test_four_agree_on_a_plain_claim(desk):
    run = await desk.start("Please assess claim CL-400015 of customer C-10028", "C-10028")

    assert run.outcome["status"] == "completed"
    assert run.choices == dict.fromkeys(("coverage", "fraud", "cost", "history"), "pay")
    assert run.outcome["result"]["settled_by"] == "unanimous"
    assert run.outcome["usage"]["model_calls"] < 20
    assert all(finding["quote"] for finding in run.outcome["evidence"])


async def test_an_unusual_amount_is_dissent_with_its_evidence(desk):
    run = await desk.start("Please assess claim CL-400037", "C-10069")

    assert run.outcome["status"] == "completed"
    assert run.outcome["result"]["settled_by"] == "vote"
    (dissent,) = run.outcome["dissent"]
    assert (dissent["branch"], dissent["choice"]) == ("cost", "review")
    assert "2873280" in dissent["evidence"][0]["quote"]
    assert "cost says review" in run.outcome["answer"]


async def test_what_is_not_payable_is_not_outvoted(desk):
    """A real model's run: three said pay, and the record said that the deductible takes it all."""
    run = await desk.start("Please assess claim CL-400046", "C-10087")

    assert run.choices == {"coverage": "pay", "fraud": "pay", "cost": "decline", "history": "pay"}
    assert run.outcome["result"]["choice"] == "decline"
    assert run.outcome["result"]["settled_by"] == "highest_authority"
    assert "within the deductible" in run.outcome["answer"]


async def test_without_a_majority_the_offline_arbiter_passes_it_to_a_person(desk):
    before = claims()
    run = await desk.start("Please assess claim CL-400004", "C-10014")

    shown = run.state["__interrupt__"][0].value["action_requests"][0]["description"]
    assert "reported on 2025-11-03, before the loss of 2026-04-06" in shown
    assert "water_damage is covered by HM-200011" in shown
    assert "senior_adjuster did not settle it" in shown
    edited = {"name": "ask_human", "args": {"step": "ask_human", "values": "decline"}}
    run = await run.answer("edit", edited_action=edited, message="the dates can't be true")

    assert run.outcome["status"] == "completed"
    assert run.outcome["result"]["choice"] == "decline"
    assert run.outcome["result"]["reason"] == "the dates can't be true"
    assert [each["branch"] for each in run.outcome["dissent"]] == ["coverage", "cost", "history"]
    assert claims() == before, "an assessment changes nothing"


async def test_a_claim_of_somebody_else_is_not_looked_at(desk):
    run = await desk.start("Please assess claim CL-400037", "C-10014")

    assert run.outcome["status"] == "denied"
    assert run.outcome["result"]["verdicts"] == {}
    assert run.outcome["reasons"][:4] == [
        f"{name}: Denied: This claim doesn't belong to the customer."
        for name in ("coverage", "fraud", "cost", "history")
    ]
    assert "only-own-claims" in str(run.entries("refused"))
    assert run.outcome["usage"]["model_calls"] < 12, "who may read nothing isn't asked for a verdict"


def verdict(name: str, choice: str, claim: str) -> Any:
    evidence = [{"source": "record", "quote": "it says so"}]
    return call(name, choice=choice, confidence=99, reason="I say so", evidence=evidence, claim_id=claim)


def say(claim: str, **otherwise: Any) -> ScriptedChatModel:
    """Let every assessor say `pay`, and some something else, or a list of things."""
    jobs = {
        "Cover": "policy covers",
        "Fraud": "wrong with a claim",
        "Cost": "amount of a claim",
        "History": "history of the customer",
    }
    all_pay = {who: verdict(f"{who}Opinion", "pay", claim) for who in jobs}
    scripts = {who: said if isinstance(said, list) else [said] for who, said in (all_pay | otherwise).items()}
    model = ScriptedChatModel(scripts={jobs[who]: said for who, said in scripts.items()})
    use_model(model)
    return model


async def test_a_wrong_number_that_nobody_named_can_be_mended(desk):
    """It may read nothing by either tool with its own slip, and is asked again all the same."""
    mine, others = "CL-400015", "CL-400037"
    slips = [call(tool, claim_id=others) for tool in ("claim_signals", "get_claim")]
    mended = [call("claim_signals", claim_id=mine), verdict("FraudOpinion", "pay", mine)]
    say(mine, Fraud=[*slips, *mended])

    run = await desk.start(f"Please assess claim {mine}", "C-10028")

    assert run.choices["fraud"] == "pay"


async def test_who_is_refused_what_was_asked_about_is_not_asked_again(desk):
    """A model that would go on for ever is stopped once each of its tools was refused."""
    others = "CL-400037"
    reads = [call(tool, claim_id=others) for tool in ("claim_signals", "get_claim")]
    model = say(others, Fraud=[*reads, "I can't tell", "I can't tell", "I can't tell"])

    run = await desk.start(f"Please assess claim {others}", "C-10014")

    assert run.outcome["status"] == "denied"
    assert len([each for each in model.prompts if "FraudOpinion" in each.tools]) == len(reads)


async def test_no_model_can_grant_cover_or_judge_another_claim(desk):
    """Coverage and cost contradict the record, history speaks of a claim that nobody asked about."""
    mine = "CL-400002"
    say(mine, History=verdict("HistoryOpinion", "pay", "CL-400001"))

    run = await desk.start(f"Please assess claim {mine}", "C-10012")

    assert run.outcome["status"] == "escalated"
    assert run.outcome["undone"] == ["coverage", "cost", "history"]
    assert "the record says" in str(run.outcome["reasons"])
    assert "nobody asked about CL-400001" in str(run.outcome["reasons"])
    assert run.outcome["answer"] == ""


async def test_a_cost_verdict_against_the_record_outweighs_nobody(desk):
    mine = "CL-400015"
    say(mine, Cost=verdict("CostOpinion", "decline", mine))

    run = await desk.start(f"Please assess claim {mine}", "C-10028")

    assert (run.outcome["status"], run.outcome["undone"]) == ("partial", ["cost"])
    assert run.outcome["result"]["choice"] == "pay"
    assert "the verdict is decline, but the record says" in str(run.outcome["reasons"])


async def test_a_history_that_nobody_could_read_has_no_verdict(desk, monkeypatch):
    monkeypatch.setenv("TOWER_HISTORY_URL", "http://127.0.0.1:9")  # nobody listens there

    run = await desk.start("Please assess claim CL-400015", "C-10028")

    assert (run.outcome["status"], run.outcome["undone"]) == ("partial", ["history"])
    assert "history can't be reached" in str(run.outcome["reasons"])
    assert run.choices == dict.fromkeys(("coverage", "fraud", "cost"), "pay")


async def test_signals_and_history_on_record_are_not_explained_away(desk):
    mine = "CL-400015"
    declined = {who: verdict(f"{who}Opinion", "decline", mine) for who in ("Fraud", "History")}
    say(mine, **declined)

    run = await desk.start(f"Please assess claim {mine}", "C-10028")

    assert run.outcome["undone"] == ["fraud", "history"]
    assert "the verdict is decline, but the record says dates, bill and policy fit" in str(
        run.outcome["reasons"]
    )
