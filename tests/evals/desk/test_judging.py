"""A judge that is a language model sees question, answer and sources in tokens, and its word is a score."""

from __future__ import annotations

import asyncio
import re

import pytest

from evals.desk import judging, stage
from evals.desk.suites import ANSWERS, CASES, ORACLE
from evals.suites import Setting
from tests.evals.chat_stub import chat_server

CUSTOMER = "C-10074"
IBAN = "DE89370400440532013000"
SOURCES = [{"source": "motor 2.3", "text": "Damage by martens is paid up to 3,000 EUR."}]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    found = tmp_path_factory.mktemp("stage")
    asyncio.run(stage.prepare(found))
    return found


def said(request):
    return request["messages"][-1]["content"]


def by_figures(request):
    """What the scripted judge says: faithful is what names the sources' sum."""
    answer = said(request).rpartition("Answer:")[2]
    passed = {True: "pass", False: "fail"}
    return "Judgement", {"faithfulness": passed["3,000" in answer], "relevance": passed["marten" in answer]}


@pytest.fixture
def judge(monkeypatch):
    with chat_server(by_figures) as (url, seen):
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        yield seen


async def grade(folder, answer):
    async with stage.world(folder):
        return await judging.judged("Are martens covered?", answer, SOURCES)


async def test_one_answer_is_judged_by_itself(folder, judge):
    good = await grade(folder, "Damage by a marten is paid up to 3,000 EUR.")
    bad = await grade(folder, "Up to 9,000 EUR.")

    assert (good.faithfulness, good.relevance) == ("pass", "pass")
    assert (bad.faithfulness, bad.relevance) == ("fail", "fail")
    assert "[motor 2.3] Damage by martens" in said(judge[0])
    assert "faithful if every statement" in judge[0]["messages"][0]["content"]


async def test_a_judge_is_shown_tokens(folder, judge):
    await grade(folder, f"We have paid to {IBAN}, says the marten.")

    assert IBAN not in str(judge)
    assert "<iban:" in said(judge[0])


async def test_a_judge_that_says_nothing_valid_has_failed_both(folder, monkeypatch):
    with chat_server(lambda _: ("Judgement", {"faithfulness": "perhaps"})) as (url, _seen):
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        judged = await grade(folder, "Up to 3,000 EUR for a marten.")

    assert (judged.faithfulness, judged.relevance) == ("fail", "fail")


def test_the_offline_model_is_no_judge(monkeypatch):
    assert not judging.able()
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    assert judging.able()


def one(suite, case):
    return next(item for item in suite.cases() if item.id == case and item.split == "dev")


def desk(request):
    """A model that answers from the documents, and the judge, by what they are offered."""
    offered = {tool["function"]["name"]: tool["function"]["parameters"] for tool in request["tools"]}
    if "Judgement" in offered:
        return "Judgement", {"faithfulness": "fail", "relevance": "pass"}
    told = str(request["messages"])
    if "find_customer" in offered:
        found = any(message["role"] == "tool" for message in request["messages"])
        return "It is on your record." if found else ("find_customer", {"customer_id": CUSTOMER})
    (name,) = offered
    source = re.search(r"home-wording § \d\.\d", told)
    return name, {"answer": "Yes, it is.", "sources": [source.group()], "answered": True}


@pytest.fixture
def whole(monkeypatch):
    with chat_server(desk) as (url, seen):
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        yield seen


def judgements(seen):
    return [said(each) for each in seen if "Judgement" in str(each["tools"])]


async def test_answers_are_graded_and_the_floors_stand_beside(folder, whole):
    row = await ANSWERS.evaluate(one(ANSWERS, "Q-0022"), Setting(folder))

    assert (row.scores["faithfulness_judge"], row.scores["relevance_judge"]) == (0.0, 1.0)
    assert (row.scores["faithfulness_judge__null"], row.scores["relevance_judge__null"]) == (1.0, 0.0)
    (shown,) = judgements(whole)
    assert "Answer: Yes, it is." in shown


async def test_a_cases_answer_is_held_against_its_customers_records_in_tokens(folder, whole):
    row = await CASES.evaluate(one(CASES, "K-059"), Setting(folder, graph="single"))

    assert row.scores["relevance_judge"] == 1.0
    (shown,) = judgements(whole)
    assert "[desk_customers]" in shown
    assert "<email:" in shown
    assert "@" not in shown


async def test_a_script_is_not_graded(folder, whole):
    row = await ORACLE.evaluate(one(ORACLE, "K-001"), Setting(folder))

    assert row.scores["end_state_ref"] == 1.0
    assert not [name for name in row.scores if "_judge" in name]
    assert whole == []


async def test_the_offline_model_grades_nothing(folder):
    row = await ANSWERS.evaluate(one(ANSWERS, "Q-0022"), Setting(folder))

    assert row.got["answer"]
    assert not [name for name in row.scores if "_judge" in name]
