"""What is wrong with an application is said at its start, with the line that is to be changed."""

from __future__ import annotations

import importlib
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evals import suites
from governance.errors import InvalidInput, TowerError
from governance.policy_files import POLICIES
from graphs.domain import Domain
from graphs.roster import misfits
from nodes.admission import Admission
from nodes.team import Agent
from tests.second import office
from tools.registry import Toolbox

TEAM = (
    "from graphs.sequential import sequential\nfrom nodes.step import Step\nfrom tests.second import office\n"
)


async def nothing(*_: Any) -> list[Any]:
    return []


def application(contract: dict[str, int], *graphs: str) -> Domain:
    admission = Admission(office.Customers(), dict.fromkeys(graphs[:1], contract))
    return Domain("lab", {name: name for name in graphs}, admission, nothing, nothing, tools=office.TOOLBOX)


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "lab_team.py").write_text(TEAM + request.param + "\n")
    monkeypatch.delitem(sys.modules, "lab_team", raising=False)
    return "lab_team"


@pytest.mark.parametrize(
    ("module", "said"),
    [
        ("chain = 1", "has no attribute 'graph'"),
        (
            "graph = sequential([Step(office.JUDGE)] * 2)",
            r"lab_team.py, line 4\): two members are called judge",
        ),
        (
            "graph = sequential([Step(office.agent('x', 'y', duty='reads'))])",
            "line 4.*duty is 'reads'; say read",
        ),
        ("import nowhere_else", "line 4.*No module named 'nowhere_else'"),
        ("graph = (", "SyntaxError: .*lab_team.py, line 4"),
    ],
    indirect=["module"],
)
def test_a_graph_that_cannot_be_built_is_named_with_its_line(module, said):
    lab = application({}, module)

    with pytest.raises(TowerError, match=said):
        lab.graph(module)
    assert len(lab.flaws()) == 1


def test_a_module_that_is_not_there_points_to_the_setting():
    with pytest.raises(TowerError, match=r"there is no nowhere.at.all: TOWER_DOMAIN"):
        application({}, "nowhere.at.all").graph("nowhere.at.all")


@pytest.mark.parametrize("module", ["graph = sequential([Step(office.JUDGE)])"], indirect=True)
def test_a_contract_names_tools_and_every_graph_has_one(module):
    assert application({"find_order": 1}, module).flaws() == []
    assert "names find_ordre" in application({"find_ordre": 1}, module).flaws()[0]
    assert "admission has no contract" in application({}, "tests.second.office", module).flaws()[1]


CREW = """
graph = sequential([Step(office.agent('teller', 'teller', tools=({tools}), model='{model}'))]).compile()
"""


def taken(kind: str, folder: Path, *more: str) -> tuple[Path]:
    rules = ('permit (principal in AgentKind::"KIND", action == Action::"call_model", resource);', *more)
    (folder / "policies").mkdir()
    text = "\n".join(f'@id("{n}") @owner("lab") {rule}' for n, rule in enumerate(rules))
    (folder / "policies" / "lab.cedar").write_text(text.replace("KIND", kind))
    shutil.copy(POLICIES / "tower.cedarschema", folder / "policies")
    (folder / "policies" / "limits.toml").write_text("[approvals]\nroles = ['operator']\n")
    return (folder / "policies",)


CALLS = (
    'permit (principal, action == Action::"find_order", resource) when { principal in AgentKind::"KIND" };'
)


@pytest.mark.parametrize(
    ("module", "kind", "contract", "rules", "said"),
    [
        (CREW.format(tools="office.find_order,", model="worker"), "teller", {"find_order": 1}, [CALLS], []),
        (
            CREW.format(tools="office.find_order,", model="wroker"),
            "teller",
            {"find_order": 1},
            [CALLS],
            ["agent teller: no model role 'wroker'"],
        ),
        (
            CREW.format(tools="office.find_order,", model="worker"),
            "teller",
            {"refund": 1},
            [CALLS],
            ["agent teller: its tool find_order isn't in the graph's contract"],
        ),
        (
            CREW.format(tools="office.find_order,", model="worker"),
            "teller",
            {"find_order": 1},
            [],
            ["agent teller: no policy permits teller agents to call find_order"],
        ),
        (
            CREW.format(tools="", model="worker"),
            "taller",
            {},
            [],
            [
                "agent teller: no policy permits teller agents to call_model",
                "policies/lab.cedar, line 1: no agent is of the kind taller; the nearest is teller",
            ],
        ),
    ],
    indirect=["module"],
)
def test_what_an_agent_lacks_is_said_before_a_run_shows_it(tmp_path, module, kind, contract, rules, said):
    lab = application(contract, module)

    found = misfits(lab, taken(kind, tmp_path, *rules))

    assert [
        line.removeprefix("lab_team: ")[: len(start)] for line, start in zip(found, said, strict=True)
    ] == said


@pytest.mark.parametrize("module", [CREW.format(tools="office.find_order,", model="worker")], indirect=True)
def test_a_tool_that_is_in_no_catalog_is_named(tmp_path, module):
    lab = replace(application({"find_order": 1}, module), tools=Toolbox([office.refund, office.take_back]))

    assert "isn't in the domain's Toolbox" in misfits(lab, taken("teller", tmp_path))[0]


def test_an_agent_without_its_prompt_is_refused_when_it_is_made(tmp_path):
    with pytest.raises(TowerError, match=r"agent clerk: there is no prompt .*clerk.md; write it"):
        Agent("clerk", "clerk", "Files things.", tmp_path / "clerk.md", "office")


def test_a_result_with_a_type_that_nobody_imported_is_refused(tmp_path, monkeypatch):
    (tmp_path / "lab_result.py").write_text(
        "from __future__ import annotations\nfrom pydantic import BaseModel\n"
        "class Found(BaseModel):\n    amount: Sents\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    found = importlib.import_module("lab_result").Found

    with pytest.raises(
        TowerError, match=r"agent clerk: Sents, which its result .*Found.* isn't defined; import"
    ):
        office.agent("clerk", "clerk", returns=found)


def test_an_application_without_evaluations_says_which_file_is_missing(monkeypatch):
    monkeypatch.setattr(suites, "domain", lambda: application({}))
    with pytest.raises(InvalidInput, match=r"there is no evals\.lab\.suites: .*docs/own-domain\.md"):
        suites.bench()
