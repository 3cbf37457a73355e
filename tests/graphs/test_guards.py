"""What is refused when a team of talking agents is built."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
from pydantic import BaseModel

from graphs.desk import group_chat as letters
from graphs.desk import handoff as service
from graphs.group_chat import group_chat, maker_checker
from graphs.guards import TeamWarning, check_human_path, check_jobs
from graphs.handoff import handoff
from graphs.pattern import Graph, PatternError, add, new_graph
from nodes.finding import Review
from nodes.team import Agent
from tests.second.office import PROMPTS, A, B, C, agent


class Draft(BaseModel):
    """A letter."""

    text: str


def at_work(job: str, name: str = "x", **more: Any) -> Agent:
    return Agent(name, "reader", job, PROMPTS / "prompt.md", "office", **more)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Check the tone.", "Check the tone."),
        ("Check the tone of the letters.", "check tone of letter"),
        ("Examine invoices, premiums and charges.", "Examine premiums, charges and the invoices."),
    ],
)
def test_two_agents_with_one_job_are_refused(one, other):
    with pytest.raises(PatternError, match="have one job"):
        check_jobs([at_work(one), at_work(other, "y")])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Check the tone of the letter.", "Check the law in the letter."),
        ("Job of a.", "Job of b."),
        ("", "Invoices."),
        ("Rechnungen prüfen.", "Schäden prüfen."),
    ],
)
def test_two_jobs_are_two_jobs(one, other):
    check_jobs([at_work(one), at_work(other, "y")])


def test_the_builders_look_at_the_jobs():
    twin = at_work(A.job, "twin")
    with pytest.raises(PatternError, match="have one job"):
        handoff([A, twin], edges={"a": ["twin"]})
    maker = at_work("Write it.", "maker", returns=Draft)
    with pytest.raises(PatternError, match="have one job"):
        maker_checker(maker, [Agent("law", "cashier", "Write it.", maker.prompt, "office", returns=Review)])


def test_more_than_three_speakers_are_warned_of_unless_there_is_a_reason():
    four, edges = [A, B, C, agent("d", "cashier")], {"a": ["b", "c", "d"]}
    with pytest.warns(TeamWarning, match="4 speakers"):
        handoff(four, edges=edges)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        handoff(four, edges=edges, many="each reads other records")
        handoff(four[:3], edges={"a": ["b", "c"]})


def test_the_warning_names_the_place_where_the_team_is_built():
    with pytest.warns(TeamWarning) as caught:
        handoff([A, B, C, agent("d", "cashier")], edges={"a": ["b", "c", "d"]})
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    ("edges", "said"),
    [
        (
            {"a": ["b"]},
            "edges: nobody hands over to c: add an edge that leads there, or leave the agent out; the",
        ),
        (
            {"a": ["b", "c", "z"]},
            "there is no agent z: correct the edge, or add the agent; the agents are a, b, c",
        ),
        ({"a": ["b", "c"], "z": ["a"]}, "there is no agent z"),
        ({"a": ["b", "c"], "b": ["b"]}, "b would hand over to itself: take that edge out"),
        ({"a": ["b"], "c": ["c"]}, "c would hand over to itself"),
    ],
)
def test_edges_that_make_no_sense_are_refused_with_what_to_do(edges, said):
    with pytest.raises(PatternError, match=said):
        handoff([A, B, C], edges=edges)


def test_a_decision_has_one_owner_by_name():
    with pytest.raises(PatternError, match="owner"):
        handoff([A, B], edges={"a": ["b"]}, owner="boss")
    with pytest.raises(PatternError, match="owner"):
        group_chat([A, B], owner="")


def blind_alley(*, human: bool) -> Graph:
    async def node(_state: Any) -> None: ...

    g = new_graph()
    add(g, "a", node, to=["b"])
    add(g, "b", node, to=["ask"] if human else ["end"])
    add(g, "ask", node, human=True)
    add(g, "end", node)
    g.add_edge("ask", "end")
    return g


def test_who_has_no_way_to_a_person_is_refused():
    check_human_path(blind_alley(human=True), ["a", "b"])
    with pytest.raises(PatternError, match="a has no way to a person"):
        check_human_path(blind_alley(human=False), ["a", "b"])


@pytest.mark.parametrize("graph", [letters.graph, service.graph], ids=["group_chat", "handoff"])
def test_every_agent_of_the_desk_reaches_a_person(graph):
    builder = graph.builder
    agents = set(builder.nodes) - {"deliver", "escalate"}

    check_human_path(builder, agents)
    del builder.nodes["escalate"].metadata["human"]
    try:
        with pytest.raises(PatternError, match="no way to a person"):
            check_human_path(builder, agents)
    finally:
        builder.nodes["escalate"].metadata["human"] = True
