"""Legs: one run of a graph of the desk, from start to answer to end."""

from __future__ import annotations

from typing import Any, Self
from uuid import uuid4

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from governance.control import control
from governance.principals import User
from graphs.domain import domain
from nodes.admission import Request
from nodes.place import RUN_KEY

SAM = User("sam", "harbor", frozenset({"customer-agent"}))
LENA = User("lena", "harbor", frozenset({"claims-lead"}))


class Legs:
    """A run, leg by leg."""

    graph_name: str

    async def start(self, words: str, customer: str | None = None, user: User = SAM, **more: Any) -> Self:
        builder = domain().graph(self.graph_name).builder
        self.graph = builder.compile(checkpointer=InMemorySaver(), name=self.graph_name)
        request, thread = Request(words, customer=customer, **more), uuid4().hex
        self.run = (admitted := await domain().admission.admit(user, self.graph_name, request, thread)).run
        self.config: Any = {"configurable": {"thread_id": thread, RUN_KEY: self.run.id}}
        return await self.go(admitted.input)

    async def go(self, graph_input: Any) -> Self:
        self.state: Any = await self.graph.ainvoke(graph_input, self.config, durability="sync")
        return self

    async def answer(self, kind: str = "approve", **more: Any) -> Self:
        asked = self.state["__interrupt__"][0]
        await control().decide(LENA, {"approval_id": asked.value["approval_id"], "type": kind, **more})
        return await self.go(Command(resume={asked.id: "woken"}))

    @property
    def outcome(self) -> dict[str, Any]:
        return dict(self.state["outcome"])

    def entries(self, kind: str) -> list[dict[str, Any]]:
        return list(control().audit.entries(run=self.run.id, kind=kind))
