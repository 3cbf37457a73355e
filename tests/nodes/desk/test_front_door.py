"""The desk's front door: which class of task a request is, and what the desk does with it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest
from langchain_core.messages import HumanMessage, SystemMessage

from governance.front_door import FrontDoor
from models.offline.chat import OfflineChatModel
from models.offline.learned import is_stored
from nodes.desk.front_door import EXAMPLES, FRONT_DOOR, JOBS
from nodes.selection import select
from nodes.topology import shape_of, topology

REQUESTS: Mapping[str, list[str]] = tomllib.loads(
    (Path(__file__).parent / "requests.toml").read_text(encoding="utf-8")
)
PATTERN = {
    "question": "direct",
    "service": "single",
    "claim": "sequential",
    "complaint": "handoff",
    "assessment": "concurrent",
    "letter": "group_chat",
    "case": "supervisor",
    "investigation": "magentic",
    "other": "person",
}


def chosen(text: str) -> str:
    """The offline chooser's job for a request, as the pattern that a fresh home starts."""
    schema = FRONT_DOOR.answer_schema
    assert schema
    prompt = [SystemMessage(f"{FRONT_DOOR.job}\n\n{FRONT_DOOR.instructions}"), HumanMessage(text)]
    answer = OfflineChatModel().bind_tools([schema], tool_choice="any").invoke(prompt)
    [call] = answer.tool_calls
    return first(call["args"]["job"])


@cache
def first(job: str) -> str:
    known = {one.name: one for one in JOBS}
    told = {"reason": "", "ruled_out": {}, "trials": (), "limits": FrontDoor(), "seed": ""}
    return select(known[job], (), **told).to


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.name)
def test_each_jobs_usual_tasks_call_for_its_first_rung(job):
    rule = topology(shape_of(job.plan), FrontDoor())

    assert not job.ladder or rule.pattern == job.ladder[0]


def test_every_job_has_examples_and_the_fit_is_stored():
    assert EXAMPLES.texts.keys() == {job.name for job in JOBS}
    assert min(map(len, EXAMPLES.texts.values())) >= 25
    assert is_stored(EXAMPLES), "run `make examples`"


def test_requests_go_where_a_person_would_send_them():
    """Nine in ten; nearly all that is no work of ours is refused."""
    right = {
        kind: sum(chosen(text) == PATTERN[kind] for text in texts) / len(texts)
        for kind, texts in REQUESTS.items()
    }
    every = sum(len(texts) for texts in REQUESTS.values())

    assert sum(right[kind] * len(texts) for kind, texts in REQUESTS.items()) / every >= 0.9, right
    assert right["other"] >= 0.9
    assert min(right.values()) >= 0.75, right
