"""State: what travels along the edges of every graph."""

from __future__ import annotations

import operator
from dataclasses import dataclass, field
from typing import Annotated, Any, NotRequired

from langchain_core.messages import AnyMessage
from langgraph.graph.message import add_messages
from pydantic import Field
from typing_extensions import TypedDict

from governance.outcome import Outcome


def merge(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Later results replace earlier ones of the same step."""
    return {**old, **new}


def count(old: dict[str, int], new: dict[str, int]) -> dict[str, int]:
    """Add up how often each node has run."""
    return old | {name: old.get(name, 0) + times for name, times in new.items()}


class Fault(TypedDict):
    """Why a step did not end as it should.

    `status` is the `governance.outcome.Status` that it calls for.
    """

    status: str
    step: str
    reason: str
    detail: NotRequired[dict[str, Any]]
    undone: NotRequired[list[str]]
    """What a pattern in the step's place left undone."""


class Question(TypedDict):
    """What a step asks a person, because no agent could settle it."""

    step: str
    reason: str
    values: dict[str, Any]
    on_reject: str
    """The status that a "no" leads to."""
    wants: NotRequired[str]
    """What `values` must hold, in words."""


class Upload(TypedDict):
    """A document that comes in with a request; read and removed at admission."""

    name: Annotated[str, Field(examples=["letter.pdf"])]
    content: Annotated[str, Field(description="Base64 of the file.")]


class TaskInput(TypedDict):
    """What a client sends."""

    messages: Annotated[list[AnyMessage], add_messages]
    documents: NotRequired[Annotated[list[Upload], Field(description="What others wrote; untrusted.")]]
    customer: NotRequired[Annotated[str, Field(description="The customer whom you vouch for.")]]


class RunState(TypedDict):
    """What the nodes of one graph share; never identity, rights or budgets."""

    messages: Annotated[list[AnyMessage], add_messages]
    results: Annotated[dict[str, Any], merge]
    visits: Annotated[dict[str, int], count]
    faults: Annotated[list[Fault], operator.add]
    question: Question | None
    answers: Annotated[dict[str, Any], merge]
    """What a person answered, by step; the step checks it like an agent's result."""
    active: str
    hops: Annotated[list[str], operator.add]
    dissent: Annotated[list[dict[str, Any]], operator.add]
    """Who disagreed within patterns that stood in agents' places; the pattern's own dissent comes to it."""
    outcome: Outcome


class RunOutput(TypedDict):
    """What a client gets."""

    messages: Annotated[list[AnyMessage], add_messages]
    outcome: Outcome


@dataclass(kw_only=True)
class Context:
    """What a caller may choose for one run; it can't widen what policy allows."""

    language: str = field(default="English", metadata={"description": "Language of answers and letters."})
    guidance: str = field(
        default="",
        metadata={
            "description": "More guidance for every agent of this run.",
            "langgraph_nodes": ["answer", "agent", "triage", "extract", "decide"],
            "langgraph_type": "prompt",
        },
    )
