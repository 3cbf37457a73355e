"""The registry: unique names, compensations that exist and can be given their arguments."""

from __future__ import annotations

import json

import pytest
from pydantic import BaseModel

from tools.desk.catalog import TOOLS
from tools.registry import Toolbox, UnknownTool
from tools.spec import EffectKey, tool


class Box(BaseModel):
    box_id: str
    label: str
    previous_label: str | None


@tool(owner="depot", writes=True, undo="label_box")
async def label_box(box_id: str, label: str, *, key: EffectKey) -> Box:
    """Label a box."""
    return Box(box_id=box_id, label=label, previous_label=None)


@tool(owner="depot", writes=True, undo="close_box")
async def open_box(box_id: str, *, key: EffectKey) -> Box:
    """Open a box."""
    return Box(box_id=box_id, label="", previous_label=None)


@tool(owner="depot", writes=True)
async def close_box(seal: str, *, key: EffectKey) -> Box:
    """Close a box."""
    return Box(box_id=seal, label="", previous_label=None)


def test_two_tools_of_one_name_are_refused():
    with pytest.raises(ValueError, match="two tools are called label_box"):
        Toolbox([label_box, label_box])


def test_a_compensation_must_be_registered():
    with pytest.raises(ValueError, match="isn't registered"):
        Toolbox([open_box])


def test_a_compensation_must_find_its_arguments_in_the_result():
    with pytest.raises(ValueError, match="needs seal"):
        Toolbox([open_box, close_box])


def test_a_compensation_takes_what_was_before():
    box = Toolbox([label_box])
    result = {"box_id": "b", "label": "new", "previous_label": "old"}
    assert box.compensation("label_box", result) == (label_box, {"box_id": "b", "label": "old"})


def test_what_only_reads_or_is_final_has_no_compensation():
    box = Toolbox(TOOLS)
    assert box.compensation("get_policy", {}) is None
    assert box.compensation("recall_payment", {}) is None


def test_an_unknown_tool_is_named_with_those_there_are():
    with pytest.raises(UnknownTool, match="there is no tool fly; the tools are label_box"):
        Toolbox([label_box])["fly"]


def test_surfaces_are_plain_data():
    surfaces = {s.name: s.to_json() for s in Toolbox(TOOLS).surfaces()}
    assert json.loads(json.dumps(surfaces)) == surfaces
    pay = surfaces["pay_claim"]
    assert (pay["risk"], pay["writes"], pay["undo"]) == ("high", True, "recall_payment")
    assert pay["personal"] == {"iban": "iban"}
    assert set(pay["schema"]["properties"]) == {"claim_id", "amount", "iban"}


def test_the_desk_has_its_tools():
    box = Toolbox(TOOLS)
    assert len(box) == 29
    assert sum(t.writes for t in box.values()) == 14
    assert all(t.idempotent for t in box.values())
