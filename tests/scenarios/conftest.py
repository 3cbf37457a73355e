"""The ticket office under the control plane: scripted model, real databases, effects counted outside."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import pytest
from langchain_core.messages import AIMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command

from governance.control import ControlPlane, use_control
from governance.limits import Limits, load_limits
from governance.policy import PolicyEngine
from governance.principals import User
from governance.settings import Settings
from governance.store import ControlStore
from governance.vault import Vault
from models.door import use_model
from models.scripted import ScriptedChatModel
from nodes.admission import Request
from nodes.place import RUN_KEY
from tests.second import office
from tests.second.rules import gathered

ANN = User("sam", "harbor", frozenset({"customer-agent"}))
LENA = User("lena", "harbor", frozenset({"claims-lead"}))


def says(text: str) -> AIMessage:
    return AIMessage(text)


def calls(name: str, **args: Any) -> AIMessage:
    return AIMessage("", tool_calls=[{"name": name, "args": args, "id": f"call-{uuid4().hex[:8]}"}])


def calls_all(*requests: tuple[str, dict[str, Any]]) -> AIMessage:
    made = [{"name": name, "args": args, "id": f"call-{uuid4().hex[:8]}"} for name, args in requests]
    return AIMessage("", tool_calls=made)


@dataclass
class Office:
    """Runs of the ticket office, and the world that they change."""

    plane: ControlPlane
    model: ScriptedChatModel
    lines: list[AIMessage]
    saver: InMemorySaver

    def script(self, *lines: AIMessage) -> None:
        self.lines.extend(lines)

    async def start(
        self, graph: CompiledStateGraph[Any, Any, Any, Any], text: str = "Refund T-001 please", **more: Any
    ) -> Run:
        thread = uuid4().hex
        request = Request(text, customer=more.get("customer", "ann"))
        admitted = await office.ADMISSION.admit(more.get("user", ANN), graph.name, request, thread)
        config = {"configurable": {"thread_id": thread, RUN_KEY: admitted.run.id}}
        run = Run(self, graph, config, admitted.run.id)
        await run.go(admitted.input)
        return run

    def refunds(self) -> list[tuple[str, int, str]]:
        return office.Ledger.current().rows()


@dataclass
class Run:
    """One run: its state after each leg."""

    office: Office
    graph: CompiledStateGraph[Any, Any, Any, Any]
    config: dict[str, Any]
    id: str
    state: dict[str, Any] | None = None

    async def go(self, graph_input: Any) -> Run:
        self.state = await self.graph.ainvoke(graph_input, self.config, durability="sync")
        return self

    async def resume(self, value: Any = "woken") -> Run:
        return await self.go(Command(resume=value))

    @property
    def outcome(self) -> dict[str, Any]:
        assert self.state
        return dict(self.state["outcome"])

    @property
    def waiting(self) -> list[dict[str, Any]]:
        assert self.state
        return [i.value for i in self.state.get("__interrupt__", ())]

    def entries(self, kind: str | None = None) -> list[dict[str, Any]]:
        return list(self.office.plane.audit.entries(run=self.id, kind=kind))


@pytest.fixture(scope="session")
def policy(tmp_path_factory: pytest.TempPathFactory) -> PolicyEngine:
    """The general policies and the ticket office's, without the desk's."""
    return gathered(tmp_path_factory.mktemp("policies"))


@pytest.fixture
def limits(request: pytest.FixtureRequest) -> Limits:
    """The ticket office's limits, and what a test has otherwise."""
    return replace(load_limits(folder=office.PROMPTS / "policies"), **getattr(request, "param", {}))


@pytest.fixture
async def desk(policy: PolicyEngine, limits: Limits) -> AsyncIterator[Office]:
    settings = Settings.from_env()
    store = ControlStore(settings.url("control"))
    plane = ControlPlane(settings, store, policy, limits, Vault(settings, store))
    lines: list[AIMessage] = []
    model = ScriptedChatModel(scripts={"": lines})
    use_control(plane)
    use_model(model)
    yield Office(plane, model, lines, InMemorySaver())
    use_model(None)
    use_control(None)
    plane.close()
