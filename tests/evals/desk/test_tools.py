"""Calls are held against labels: all that are due, in their order, and nothing besides that harms."""

from __future__ import annotations

import pytest

from evals.datasets import Call, ToolCase
from evals.desk.tools import parameters, selected

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
