"""What is wrong with an application is said at its start, with the line that is to be changed."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

from evals import suites
from governance.errors import InvalidInput, TowerError
from graphs.domain import Domain
from nodes.admission import Admission
from nodes.team import Agent
from tests.second import office

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
