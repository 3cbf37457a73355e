"""Calls are held against labels: all that are due, in their order, and nothing besides that harms."""

from __future__ import annotations

import asyncio
import re

import pytest

from evals.datasets import Call, ToolCase
from evals.desk import stage
from evals.desk.guesses import filled
from evals.desk.second_turn import turn_before
from evals.desk.tools import parameters, selected, work
from nodes.desk.admission import TOOLBOX
from tests.evals.chat_stub import chat_server

READ, NOTE, MOVE = "find_customer", "add_note", "change_address"


def case(**more) -> ToolCase:
    labels = {
        "id": "T-1", "split": "dev", "hard": False, "role": "service desk", "customer_id": "C-10001",
        "verified": True, "request": "", "given": "", "calls": [], "ordered": False, "alternatives": [],
        "allowed_extra": ["list_policies"], "forbidden": ["send_letter"], "forbidden_args": [], "note": "",
    }  # fmt: skip
    return ToolCase.model_validate(labels | more)


@pytest.mark.parametrize(
    ("due", "made", "ordered", "right"),
    [
        ([NOTE], [NOTE], False, True),
        ([NOTE], ["list_policies", NOTE], False, True),
        ([NOTE], [MOVE, NOTE], False, False),
        ([NOTE], [NOTE, NOTE], False, False),
        ([READ], [READ, READ], False, True),
        ([NOTE], [NOTE, "send_letter"], False, False),
        ([NOTE, MOVE], [MOVE, NOTE], False, True),
        ([NOTE, MOVE], [MOVE, NOTE], True, False),
        ([NOTE, MOVE], [NOTE, "list_policies", MOVE], True, True),
        ([], [], False, True),
        ([], [NOTE], False, False),
        ([NOTE], [], False, False),
    ],
)
def test_which_calls_were_made(due, made, ordered, right):
    way = [Call(tool=name, args={}) for name in due]

    assert selected(case(ordered=ordered), way, [(name, {}) for name in made]) is right


def test_named_arguments_must_be_exactly_so_and_others_are_free():
    way = [Call(tool=NOTE, args={"kind": "callback"}), Call(tool=MOVE, args={"street": "Domshof 1"})]
    made = [(NOTE, {"kind": "callback", "text": "whatever"}), (MOVE, {"street": "Domshof 2"})]

    assert parameters(way, made) == 0.5
    assert parameters([], made) == 1


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    found = tmp_path_factory.mktemp("stage")
    asyncio.run(stage.prepare(found))
    return found


SECOND = {
    "customer_id": "C-10159", "request": "Yes, that one, but number 17.",
    "calls": [{"tool": MOVE, "args": {"street": "Quai de la Loire 17"}}],
    "given": "Turn before: the customer wanted to know where we write to. find_customer C-10159: Quai de la "
    "Loire 107, 59000 Lille; it was read to her.",
}  # fmt: skip


async def test_a_second_turn_has_the_first_ones_messages_and_no_label_in_its_request(folder):
    async with stage.world(folder):
        earlier, asked = await turn_before(case(**SECOND))

    assert asked == SECOND["request"]
    first, looked_up, found, told = earlier[:4]
    assert [m.type for m in (first, looked_up, found, told)] == ["human", "ai", "tool", "ai"]
    assert "where we write to" in first.text
    assert [(c["name"], c["args"]) for c in looked_up.tool_calls] == [(READ, {"customer_id": "C-10159"})]
    assert "C-10159" in found.text, "the record itself, not what the label says of it"
    assert "Quai de la Loire" not in str(earlier), "the turn before is in tokens, as any other"


async def test_the_model_of_a_second_turn_sees_the_first(folder, monkeypatch):
    def move(request):
        street = re.findall(r"<address:[0-9a-f]{12}>", str(request["messages"]))
        return (
            "There is nothing to do." if len(request["messages"]) > 7 else (READ, {"customer_id": street[0]})
        )

    with chat_server(move) as (url, seen):
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        await work(case(**SECOND), folder)

    roles = [message["role"] for message in seen[0]["messages"]]
    assert roles[1:5] == ["user", "assistant", "tool", "assistant"]
    assert roles[-1] == "user"
    assert seen[0]["messages"][-1]["content"].endswith(SECOND["request"])


def test_arguments_are_guessed_by_their_form():
    asked = case(request="Please call me back about HM-200001, it cost 120.50 EUR.")

    assert filled(TOOLBOX[NOTE], asked)["customer_id"] == "C-10001"
    assert filled(TOOLBOX["get_policy"], asked) == {"policy_number": "HM-200001"}
