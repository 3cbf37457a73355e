"""Retrieve: passages for a question, read through the memory seam."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.runtime import Runtime
from langgraph.types import Command

from governance.acts import Act, Cost, Seam
from governance.control import control
from governance.errors import Denied
from governance.outcome import Status
from nodes.faults import fault
from nodes.place import actor_at
from nodes.state import Context, Fault, RunState
from nodes.step import Node
from nodes.team import Agent

UNANSWERED: Fault = {
    "status": Status.ESCALATED,
    "step": "retrieve",
    "reason": "no document answers this; a person has to",
}


class Retriever(Protocol):
    """Finds passages: each a mapping with at least `source`, `text` and `score`, best first."""

    collection: str

    async def __call__(self, question: str) -> Sequence[Mapping[str, Any]]: ...


def retrieve_node(agent: Agent, retriever: Retriever, *, then: str, least: float) -> Node:
    """Make a node that reads, in an agent's name, what its collection says about the request.

    Where nothing scores at least `least`, nothing is made up: the run ends as `escalated`.
    """

    async def retrieve(state: RunState, config: RunnableConfig, runtime: Runtime[Context]) -> Command[Any]:
        del runtime
        question = "\n".join(m.text for m in state["messages"] if isinstance(m, HumanMessage))
        act = Act(
            seam=Seam.MEMORY,
            actor=await actor_at(agent.identity, "retrieve", state, config),
            action="read_memory",
            resource=("Collection", retriever.collection),
            args={},
            request_hash=hashlib.sha256(question.encode()).hexdigest()[:16],
            sequence=1,
        )
        visited: dict[str, Any] = {"visits": {"retrieve": 1}}
        try:
            clearance = await control().clear(act)
        except Denied as error:
            return Command(goto="deliver", update=visited | {"faults": [fault("retrieve", error)]})
        passages: list[dict[str, Any]] = clearance.replay or []
        if not clearance.done_before:
            passages = [dict(passage) for passage in await retriever(question)]
            await control().settle(clearance, passages, Cost())
        if max((passage["score"] for passage in passages), default=0.0) < least:
            return Command(goto="deliver", update=visited | {"faults": [UNANSWERED]})
        return Command(goto=then, update=visited | {"results": {"passages": passages}})

    return retrieve
