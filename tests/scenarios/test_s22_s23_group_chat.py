"""Scenarios 22, 23 and the rounds of 10: a group that can't agree ends with what it has, for a person."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from langgraph.graph.state import CompiledStateGraph
from pydantic import BaseModel

from governance.settings import Settings
from graphs.group_chat import STOP, group_chat, maker_checker
from graphs.pattern import PatternError
from memory.checkpoints import open_checkpointer
from models.scripted import ScriptedChatModel
from nodes.agent import Lookup
from nodes.chat import Checker
from nodes.finding import Review
from nodes.speaker import ByFunction, ByModel
from nodes.termination import AllOf, ExternalStop, MaxRounds, Satisfied, TimeLimit, TokenLimit
from tests.scenarios.conftest import LENA, Office, calls, says
from tests.second.office import agent, find_order

GOOD = {"verdict": "satisfied", "findings": []}


class Draft(BaseModel):
    """A letter."""

    text: str


MAKER = agent("maker", "reader", returns=Draft)
LAW = agent("law", "cashier", returns=Review)
STYLE = agent("style", "cashier", returns=Review)
HOST = agent("host", "host")


def rejects(*ids: str, resolved: tuple[str, ...] = ()) -> Any:
    found = [{"id": i, "severity": "blocking", "what": f"{i} is wrong", "where": "text"} for i in ids]
    verdict = "needs_revision" if found else "satisfied"
    return calls("Review", verdict=verdict, findings=found, resolved=list(resolved))


def draft(text: str) -> Any:
    return calls("Draft", text=text)


def built(desk: Office, graph: Any) -> CompiledStateGraph[Any, Any, Any, Any]:
    return graph.compile(name="handoff", checkpointer=desk.saver)


async def answered(desk: Office, run: Any, kind: str, **more: Any) -> Any:
    (asked,) = run.waiting
    decision = {"type": kind, **more}
    await desk.plane.decide(LENA, {"approval_id": asked["approval_id"], "decisions": [decision]})
    return await run.resume()


@pytest.mark.scenario(23)
async def test_a_rejected_draft_is_revised_and_accepted(desk):
    desk.script(draft("one"), rejects("promise"), draft("two"), rejects(resolved=("promise",)))

    run = await desk.start(built(desk, maker_checker(MAKER, [LAW])))

    assert run.outcome["status"] == "completed"
    assert run.outcome["answer"] == "two"
    assert run.outcome["result"]["status"] == "satisfied"
    (finding,) = run.outcome["result"]["findings"]
    assert (finding["state"], finding["draft"]) == ("resolved", 1)
    assert "promise is wrong" in desk.model.prompts[2].text
    assert [e["body"]["verdict"] for e in run.entries("review")] == ["needs_revision", "satisfied"]


@pytest.mark.scenario(23)
@pytest.mark.scenario(10)
async def test_never_agreeing_stops_at_n_with_draft_and_findings_for_a_person(desk):
    for n in range(9):
        desk.script(draft(f"draft {n}"), rejects(f"flaw-{n}"))

    run = await desk.start(built(desk, maker_checker(MAKER, [LAW], max_rounds=3)))

    assert desk.model.calls == 6
    (asked,) = run.waiting
    assert "draft 2" in str(asked)
    assert all(f"flaw-{n} is wrong" in str(asked) for n in range(3))
    await answered(desk, run, "reject", message="write it by hand")
    assert desk.model.calls == 6, "a best-effort answer makes no further model call"
    assert run.outcome["status"] == "limit_reached"
    assert run.outcome["result"]["status"] == "max_rounds"
    assert run.outcome["answer"] == "draft 2"
    assert len(run.outcome["undone"]) == 3


@pytest.mark.scenario(23)
async def test_a_person_settles_it_and_what_was_overruled_stays_on_record(desk):
    desk.script(draft("one"), rejects("promise"))
    run = await desk.start(built(desk, maker_checker(MAKER, [LAW], max_rounds=1)))
    (asked,) = run.waiting
    args = asked["action_requests"][0]["args"] | {"values": '{"text": "as I want it"}'}

    await answered(
        desk, run, "edit", edited_action={"name": asked["action_requests"][0]["name"], "args": args}
    )

    assert run.outcome["status"] == "completed"
    assert run.outcome["answer"] == "as I want it"
    assert run.outcome["result"]["accepted_by"] == "a person"
    assert [finding["id"] for finding in run.outcome["dissent"]] == ["promise"]
    assert desk.model.calls == 2


@pytest.mark.scenario(23)
async def test_a_persons_answer_goes_through_the_same_schema(desk):
    desk.script(draft("one"), rejects("promise"))
    run = await desk.start(built(desk, maker_checker(MAKER, [LAW], max_rounds=1)))
    (asked,) = run.waiting
    args = asked["action_requests"][0]["args"] | {"values": '{"words": "no text"}'}

    await answered(
        desk, run, "edit", edited_action={"name": asked["action_requests"][0]["name"], "args": args}
    )

    (again,) = run.waiting
    assert "text: Field required" in str(again)


@pytest.mark.scenario(23)
async def test_a_finding_is_open_until_its_checker_resolves_it(desk):
    """That nobody mentions it again resolves nothing, whatever the verdict says."""
    desk.script(
        draft("one"), rejects("promise"),
        draft("two"), calls("Review", **GOOD),
        draft("three"), rejects(resolved=("promise",)),
    )  # fmt: skip

    run = await desk.start(built(desk, maker_checker(MAKER, [LAW])))

    assert run.outcome["result"]["drafts"] == 3
    assert run.outcome["status"] == "completed"


@pytest.mark.scenario(23)
async def test_nobody_resolves_anothers_finding(desk):
    desk.script(
        draft("one"), rejects("promise"), calls("Review", **GOOD | {"resolved": ["promise"]}),
        draft("two"), calls("Review", **GOOD), calls("Review", **GOOD | {"resolved": ["promise"]}),
    )  # fmt: skip

    run = await desk.start(built(desk, maker_checker(MAKER, [LAW, STYLE], max_rounds=2)))

    assert run.waiting
    assert "law/promise" in str(run.waiting)


@pytest.mark.scenario(23)
async def test_a_checker_that_raises_is_no_rejection(desk):
    async def broken(_draft: Mapping[str, Any], _lookup: Lookup) -> Mapping[str, Any]:
        msg = "the dictionary is gone"
        raise OSError(msg)

    desk.script(draft("one"))
    run = await desk.start(built(desk, maker_checker(MAKER, [Checker(LAW, rules=broken)])))
    await answered(desk, run, "reject", message="later")

    assert run.outcome["result"]["status"] == "checker_error"
    assert run.outcome["status"] == "failed"
    assert "the dictionary is gone" in str(run.outcome["reasons"])
    assert run.outcome["answer"] == "", "a draft that nobody could check is no answer"
    assert run.outcome["result"]["draft"] == {"text": "one"}
    assert not run.entries("review")


@pytest.mark.scenario(23)
async def test_a_checker_in_prose_is_an_error_and_never_read_as_a_verdict(desk):
    desk.script(draft("one"), says("I am satisfied."), says("Really, satisfied."))

    run = await desk.start(built(desk, maker_checker(MAKER, [LAW])))

    assert run.waiting
    await answered(desk, run, "reject")
    assert run.outcome["result"]["status"] == "checker_error"


async def test_a_model_cannot_wave_away_what_the_rules_found(desk):
    async def rules(_draft: Mapping[str, Any], lookup: Lookup) -> Mapping[str, Any]:
        await lookup(find_order, order_id="T-001")
        found = {"id": "sum", "severity": "blocking", "what": "the sum is wrong", "where": "text"}
        return {"verdict": "needs_revision", "findings": [found], "resolved": []}

    desk.script(draft("one"), calls("Review", **GOOD | {"resolved": ["sum"]}))
    run = await desk.start(built(desk, maker_checker(MAKER, [Checker(LAW, rules=rules)], max_rounds=1)))

    assert "law/sum" in str(run.waiting)
    assert "the sum is wrong" in desk.model.prompts[1].text


@pytest.mark.scenario(23)
def test_who_makes_does_not_check():
    with pytest.raises(PatternError, match="same principal"):
        maker_checker(MAKER, [agent("law", "reader", returns=Review)])
    with pytest.raises(PatternError, match="names must differ"):
        maker_checker(MAKER, [agent("maker", "cashier", returns=Review)])
    with pytest.raises(PatternError, match="returns a `Review`"):
        maker_checker(MAKER, [agent("law", "cashier", returns=Draft)])
    with pytest.raises(PatternError, match="nobody checks"):
        maker_checker(MAKER, [])


async def test_the_same_draft_again_is_a_loop(desk):
    desk.script(draft("one"), rejects("promise"), draft("one"))

    run = await desk.start(built(desk, maker_checker(MAKER, [LAW])))
    await answered(desk, run, "reject")

    assert run.outcome["status"] == "loop_detected"
    assert run.outcome["result"]["status"] == "needs_revision"
    assert desk.model.calls == 3


async def test_a_maker_without_a_draft_fails(desk):
    desk.script(says("no"), says("no"))

    run = await desk.start(built(desk, maker_checker(MAKER, [LAW])))
    await answered(desk, run, "reject")

    assert run.outcome["status"] == "failed"
    assert run.outcome["result"]["status"] == "failed"


NOBODY = calls("NextSpeaker", speaker="nobody", reason="I like them")


@pytest.mark.scenario(22)
async def test_an_unknown_speaker_is_asked_about_again_and_then_code_chooses(desk):
    hosted = group_chat([MAKER, LAW], owner="maker", select=ByModel(HOST))
    desk.script(
        NOBODY, NOBODY, draft("one"),
        NOBODY, calls("NextSpeaker", speaker="law"), rejects("promise"),
        NOBODY, NOBODY, draft("two"),
        calls("NextSpeaker", speaker="law"), rejects(resolved=("promise",)),
    )  # fmt: skip

    run = await desk.start(built(desk, hosted))

    assert run.outcome["status"] == "completed"
    assert run.outcome["result"]["status"] == "satisfied"
    again = desk.model.prompts[1].text
    assert "'maker' or 'law'" in again
    assert [e["body"]["speaker"] for e in run.entries("speaker_fallback")] == ["maker", "maker"]
    routed = [e for e in run.entries("cleared") if e["action"] == "route"]
    assert len(routed) == 4, "each choice is cleared"


@pytest.mark.scenario(22)
async def test_a_chooser_that_never_knows_leads_to_no_completion_by_itself(desk):
    desk.lines.extend([NOBODY, NOBODY, draft("one"), NOBODY, NOBODY, rejects("promise")] * 5)
    hosted = group_chat([MAKER, LAW], owner="maker", select=ByModel(HOST), stop=(MaxRounds(1),))

    run = await desk.start(built(desk, hosted))

    assert run.waiting
    await answered(desk, run, "reject")
    assert run.outcome["status"] == "limit_reached"
    assert desk.model.calls == 6


@pytest.mark.scenario(22)
async def test_policy_may_forbid_a_speaker(desk):
    stranger = agent("stranger", "stranger", returns=Draft)
    desk.script(draft("one"))

    run = await desk.start(built(desk, maker_checker(stranger, [LAW])))

    assert run.outcome["status"] == "denied"
    assert desk.model.calls == 0
    assert [e["action"] for e in run.entries("refused")] == ["route"]


@pytest.mark.scenario(17)
async def test_under_twenty_calls_whatever_the_model_says(desk):
    """Every turn wastes what it may: one result that doesn't fit, before each that does."""
    replies = {"NextSpeaker": [NOBODY, NOBODY], "Draft": [], "Review": []}
    count = iter(range(1000))

    def said(messages: Any) -> Any:
        n = next(count)
        if "Job of host" in messages[0].text:
            return replies["NextSpeaker"][0]
        if n % 2:
            return says("hm")
        return draft(f"{n}") if "Job of maker" in messages[0].text else rejects(f"flaw-{n}")

    desk.model.scripts = {"": said}
    hosted = group_chat([MAKER, LAW, STYLE], owner="maker", select=ByModel(HOST))

    run = await desk.start(built(desk, hosted))

    assert desk.model.calls < 20
    assert run.waiting


async def test_tokens_and_time_end_it_too(desk):
    for stop in (TokenLimit(1), TimeLimit(timedelta())):
        desk.script(draft("one"), rejects("promise"))
        graph = group_chat([MAKER, LAW], owner="maker", stop=(stop, MaxRounds(9)))
        run = await desk.start(built(desk, graph))
        if run.waiting:
            await answered(desk, run, "reject")

        assert run.outcome["status"] == "limit_reached"
        assert run.outcome["result"]["status"] in ("needs_revision", "failed")


async def test_conditions_compose(desk):
    """Agreement alone doesn't end it where two rounds are asked for as well."""
    desk.script(draft("one"), calls("Review", **GOOD), draft("two"), calls("Review", **GOOD))
    both = group_chat([MAKER, LAW], owner="maker", stop=(AllOf([Satisfied(), MaxRounds(2)]), MaxRounds(5)))

    run = await desk.start(built(desk, both))

    assert run.outcome["status"] == "completed"
    assert desk.model.calls == 4


async def test_an_operator_ends_it_from_outside(desk):
    desk.script(draft("one"), rejects("promise"))
    asked = desk.model.scripts[""]
    cancelled: list[str] = []

    def said(messages: Any) -> Any:
        reply = asked[len(desk.model.prompts) - 1]
        if len(desk.model.prompts) == 2:
            (record,) = desk.plane.store.submit(lambda tx: tx.all("SELECT id FROM runs")).result()
            cancelled.append(record[0])
            desk.plane.store.submit(
                lambda tx: tx.execute(
                    "UPDATE runs SET state = 'ended', outcome = '{\"status\": \"cancelled\"}'"
                )
            ).result()
        del messages
        return reply

    desk.model.scripts = {"": said}
    run = await desk.start(built(desk, maker_checker(MAKER, [LAW])))

    assert run.outcome["status"] == "cancelled"
    assert desk.model.calls == 2


def test_what_never_ends_is_not_built():
    with pytest.raises(PatternError, match="nothing ends"):
        group_chat([MAKER, LAW], owner="maker", stop=(Satisfied(), ExternalStop(), TokenLimit(5)))
    with pytest.raises(PatternError, match="nothing ends"):
        group_chat([MAKER, LAW], owner="maker", stop=(AllOf([Satisfied(), MaxRounds(2)]),))
    with pytest.raises(PatternError, match="Satisfied names"):
        group_chat([MAKER, LAW], owner="maker", stop=(Satisfied(by=["style"]), *STOP))


async def test_a_function_that_names_nobody_is_told(desk):
    with pytest.raises(PatternError, match="owner"):
        group_chat([MAKER, LAW], owner="boss")
    graph = group_chat([MAKER, LAW], owner="maker", select=ByFunction(lambda _chat: "nobody"))
    run = await desk.start(built(desk, graph))
    if run.waiting:
        await answered(desk, run, "reject")

    assert run.outcome["status"] == "failed"
    assert ScriptedChatModel.of([]).calls == 0


@pytest.mark.scenario(23)
async def test_a_restart_while_a_person_thinks_costs_nothing(desk, caplog):
    """What is kept on disk is plain values, so that another process can read all of it."""
    graph = maker_checker(MAKER, [LAW], max_rounds=1)
    url = Settings.from_env().url("checkpoints")
    desk.script(draft("one"), rejects("promise"))
    async with open_checkpointer(url) as saver:
        run = await desk.start(graph.compile(name="handoff", checkpointer=saver))
        assert run.waiting
    async with open_checkpointer(url) as saver:
        run.graph = graph.compile(name="handoff", checkpointer=saver)
        await answered(desk, run, "reject")

    assert run.outcome["status"] == "limit_reached"
    assert run.outcome["result"]["draft"] == {"text": "one"}
    assert desk.model.calls == 2
    assert "Blocked" not in caplog.text
