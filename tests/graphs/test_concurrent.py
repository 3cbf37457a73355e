"""A team that can't work as it reads is refused when the graph is built."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal

import pytest

from graphs.concurrent import concurrent
from graphs.pattern import PatternError
from nodes.resolve import Arbiter, AskHuman, HighestAuthority, Vote, Weighted
from nodes.step import Step
from nodes.verdict import Verdict
from tests.second.assessors import ARBITER, MONEY, PAST, RULES, assessor
from tests.second.office import CASHIER


class Other(Verdict):
    """Other choices."""

    choice: Literal["yes", "no"]


STRANGER = assessor("stranger", returns=Other)
TEAM = [RULES, MONEY, PAST]


@pytest.mark.parametrize(
    ("agents", "knobs", "problem"),
    [
        ([], {}, "at least one member"),
        ([RULES, RULES], {}, "two members are called rules"),
        ([assessor("deliver")], {}, "two members are called deliver"),
        ([RULES, STRANGER], {}, "same Literal"),
        ([CASHIER], {}, "same Literal"),
        ([assessor("plain", returns=Verdict)], {}, "same Literal"),
        ([Step(RULES, fallback=STRANGER)], {}, "same Literal"),
        (TEAM, {"resolve": [Arbiter(STRANGER)]}, "same Literal"),
        (TEAM, {"quorum": 4}, "the quorum is 4"),
        (TEAM, {"quorum": 0}, "the quorum is 0"),
        (TEAM, {"quorum": "most"}, "the quorum is most"),
        (TEAM, {"resolve": [HighestAuthority(["boss"])]}, "boss"),
        (TEAM, {"resolve": [HighestAuthority(["rules"], only="maybe")]}, "only for 'maybe'"),
        (TEAM, {"resolve": [Weighted({"rules": 1})]}, "name every branch"),
        (TEAM, {"resolve": [Weighted({"rules": 1, "money": 1, "past": 0})]}, "above 0"),
        (TEAM, {"resolve": [AskHuman(role="claims-lead"), Vote()]}, "put it last"),
        (TEAM, {"max_concurrency": 0}, "above 0"),
        (TEAM, {"branch_timeout": timedelta(0)}, "above 0"),
    ],
)
def test_a_team_that_makes_no_sense_is_refused(agents: Any, knobs: Any, problem: str):
    with pytest.raises(PatternError, match=problem):
        concurrent(agents, **{"resolve": [Vote()], **knobs})


def test_studio_sees_who_may_be_asked():
    chain = [Vote(), Arbiter(ARBITER), AskHuman(role="claims-lead")]
    graph = concurrent(TEAM, resolve=chain).compile().get_graph()

    edges = {(edge.source, edge.target) for edge in graph.edges}
    assert {("rules", "reconcile"), ("reconcile", "arbiter"), ("arbiter", "ask_human")} <= edges
    assert graph.nodes["ask_human"].metadata == {"human": True}
